package org.splitmem.memory.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.charset.StandardCharsets;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class SmallJsonTest {
    private static final String GOOD = """
            {"role":"PAGE_IN","vm":"6d1f0000-0000-4000-8000-000000000001","token":"t","epoch":3,"pages":7}""";

    private static PeerException refusal(String json) {
        return catchThrowableOfType(PeerException.class, () -> SmallJson.hello(json.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void aHelloArrivesAsItWasSent() throws Exception {
        for (Hello.Role role : Hello.Role.values()) {
            Hello hello = new Hello(role, UUID.randomUUID(), "secret", 1L << 40, 536_870_912);

            assertThat(SmallJson.hello(SmallJson.encode(hello))).isEqualTo(hello);
        }
        assertThat(SmallJson.hello(GOOD.getBytes(StandardCharsets.UTF_8)).epoch())
                .isEqualTo(3);
    }

    @Test
    void whatIsNotAHelloIsRefused() {
        for (String garbage : new String[] {"", "{", "[]", "42", "\"x\"", "null", "\0\1\2", "GET / HTTP/1.1\r\n"}) {
            PeerException refusal = refusal(garbage);

            assertThat(refusal).as(garbage).isNotNull();
            assertThat(refusal.code()).isEqualTo(ErrorCode.BAD_FRAME);
            assertThat(refusal).hasMessageContaining("HELLO");
        }
    }

    @Test
    void aMissingFieldIsRefusedByItsName() {
        for (String field : new String[] {"role", "vm", "token", "epoch", "pages"}) {
            String without = GOOD.replaceAll("\"" + field + "\":[^,}]*,?", "").replace(",}", "}");

            assertThat(refusal(without)).as(without).isNotNull().hasMessageContaining(field);
        }
    }

    @Test
    void aFieldThatIsNullIsRefused() {
        for (String field : new String[] {"role", "vm", "token"}) {
            String nothing = GOOD.replaceAll("\"" + field + "\":[^,}]*", "\"" + field + "\":null");

            assertThat(refusal(nothing)).as(nothing).isNotNull().hasMessageContaining(field);
        }
    }

    @Test
    void anUnknownFieldIsRefused() {
        assertThat(refusal(GOOD.replace("{", "{\"admin\":true,"))).isNotNull().hasMessageContaining("admin");
    }

    @Test
    void anUnknownRoleIsRefused() {
        assertThat(refusal(GOOD.replace("PAGE_IN", "ROOT"))).isNotNull().hasMessageContaining("ROOT");
    }

    @Test
    void onlyTheVerySameTokenIsAccepted() {
        Hello hello = new Hello(Hello.Role.STREAM, UUID.randomUUID(), "secret", 1, 1);

        assertThat(hello.shows("secret")).isTrue();
        assertThat(hello.shows("secre")).isFalse();
        assertThat(hello.shows("secret ")).isFalse();
        assertThat(hello.shows("")).isFalse();
    }
}
