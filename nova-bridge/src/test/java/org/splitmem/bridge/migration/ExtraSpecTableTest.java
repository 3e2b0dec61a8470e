package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.RefusedException;

/** The table of extra specs that Nova's API and nova-compute are tested with, too: the three must never disagree. */
class ExtraSpecTableTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JsonNode TABLE = table();

    private static JsonNode table() {
        try (InputStream in =
                Objects.requireNonNull(ExtraSpecTableTest.class.getResourceAsStream("/extra-specs.json"))) {
            return JSON.readTree(in);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Stream<JsonNode> cases(String list, String outcome) {
        return StreamSupport.stream(TABLE.path(list).spliterator(), false).filter(entry -> entry.has(outcome));
    }

    static Stream<JsonNode> good() {
        return cases("cases", "parsed");
    }

    static Stream<JsonNode> wrong() {
        return cases("cases", "refused");
    }

    static Stream<JsonNode> mainShares() {
        return cases("main_share", "main_mb");
    }

    static Stream<JsonNode> wrongMainShares() {
        return cases("main_share", "refused");
    }

    private static Map<String, String> specs(JsonNode entry) {
        return JSON.convertValue(entry.path("specs"), new TypeReference<Map<String, String>>() {});
    }

    private static Map<String, String> enabled(JsonNode entry) {
        Map<String, String> specs = new HashMap<>(Cloud.SPECS);
        specs.putAll(specs(entry));
        return specs;
    }

    private static PlanInput input(Map<String, String> specs, long mainMb) {
        return new PlanInput(new Vm(Cloud.VM, "db1", "h1", 512, mainMb, "project", "user"), specs, null);
    }

    @ParameterizedTest
    @MethodSource("good")
    void aGoodOneMeansWhatTheTableSays(JsonNode entry) {
        Map<String, Object> all =
                JSON.convertValue(TABLE.path("defaults"), new TypeReference<Map<String, Object>>() {});
        all.putAll(JSON.convertValue(entry.path("parsed"), new TypeReference<Map<String, Object>>() {}));

        ExtraSpecs specs = ExtraSpecs.of(specs(entry));

        Map<String, Object> parsed = new HashMap<>();
        parsed.put("enabled", specs.enabled());
        parsed.put("mode", specs.mode().name().toLowerCase(Locale.ROOT));
        parsed.put("min_sub_hosts", specs.minSubHosts());
        parsed.put("max_sub_hosts", specs.maxSubHosts());
        parsed.put("replicas", specs.replicas());
        parsed.put("aggregate", specs.aggregate());
        parsed.put("complete_handover", specs.completeHandover());
        assertThat(parsed).isEqualTo(all);
    }

    @ParameterizedTest
    @MethodSource("wrong")
    void aWrongOneIsRefusedByName(JsonNode entry) {
        assertRefused(input(enabled(entry), 256), entry);
    }

    @ParameterizedTest
    @MethodSource("mainShares")
    void aMainShareIsWhatNovaClaims(JsonNode entry) throws RefusedException {
        PlanInput input = input(enabled(entry), entry.path("main_mb").asLong());

        assertThat(input.specs().enabled()).isTrue();
    }

    @ParameterizedTest
    @MethodSource("wrongMainShares")
    void aWrongMainShareIsRefusedByName(JsonNode entry) {
        assertRefused(input(enabled(entry), 256), entry);
    }

    private static void assertRefused(PlanInput input, JsonNode entry) {
        List<String> words = JSON.convertValue(entry.path("refused"), new TypeReference<List<String>>() {});
        assertThatThrownBy(input::specs).isInstanceOfSatisfying(RefusedException.class, e -> {
            assertThat(e.refusal().status()).isEqualTo(400);
            assertThat(e.code()).isIn("invalid-extra-spec", "replicas-not-supported");
            assertThat(e.text()).contains(words).hasSizeLessThan(255);
            String name = specs(entry).keySet().iterator().next();
            assertThat(e.text().substring(0, Math.min(120, e.text().length()))).contains(name);
        });
    }
}
