package org.splitmem.bridge.keystone;

import static com.github.tomakehurst.wiremock.client.WireMock.aResponse;
import static com.github.tomakehurst.wiremock.client.WireMock.equalTo;
import static com.github.tomakehurst.wiremock.client.WireMock.get;
import static com.github.tomakehurst.wiremock.client.WireMock.getRequestedFor;
import static com.github.tomakehurst.wiremock.client.WireMock.matching;
import static com.github.tomakehurst.wiremock.client.WireMock.okJson;
import static com.github.tomakehurst.wiremock.client.WireMock.post;
import static com.github.tomakehurst.wiremock.client.WireMock.postRequestedFor;
import static com.github.tomakehurst.wiremock.client.WireMock.urlPathEqualTo;
import static com.github.tomakehurst.wiremock.core.WireMockConfiguration.wireMockConfig;
import static com.github.tomakehurst.wiremock.stubbing.Scenario.STARTED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.tomakehurst.wiremock.junit5.WireMockExtension;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.bridge.http.FixedCredentials;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;

class KeystoneTest {
    private static final String TOKENS = "/v3/auth/tokens";

    @RegisterExtension
    static final WireMockExtension WIRE = WireMockExtension.newInstance()
            .options(wireMockConfig().dynamicPort())
            .build();

    /** A clock that goes when it is told to. */
    private static final class Hands extends Clock {
        private Instant now = Instant.parse("2026-11-21T12:00:00Z");

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }

        void pass(Duration time) {
            now = now.plus(time);
        }
    }

    private final Hands clock = new Hands();

    private OwnToken own(Map<String, URI> overrides) {
        return new OwnToken(
                new KeystoneConfig(
                        WIRE.baseUrl(),
                        "bridge",
                        "Default",
                        "s3cret",
                        "service",
                        "Default",
                        "R1",
                        "internal",
                        Duration.ofSeconds(2)),
                overrides,
                clock);
    }

    private TokenValidator validator() {
        return new TokenValidator(
                WIRE.baseUrl(), Duration.ofSeconds(2), new FixedCredentials(WIRE.baseUrl()), Set.of("service"), clock);
    }

    private static String token(String expires, String... roles) {
        StringBuilder list = new StringBuilder();
        for (String role : roles) {
            list.append(list.isEmpty() ? "" : ",")
                    .append("{\"name\":\"")
                    .append(role)
                    .append("\"}");
        }
        return "{\"token\":{\"user\":{\"id\":\"u1\"},\"project\":{\"id\":\"p1\"},\"roles\":[" + list
                + "],\"expires_at\":\"" + expires + "\",\"catalog\":[{\"type\":\"placement\",\"endpoints\":["
                + "{\"interface\":\"internal\",\"region_id\":\"R2\",\"url\":\"http://other\"},"
                + "{\"interface\":\"public\",\"region_id\":\"R1\",\"url\":\"http://public\"},"
                + "{\"interface\":\"internal\",\"region_id\":\"R1\",\"url\":\"http://placement:8778/\"}]}]}}";
    }

    private static void issues(String expires) {
        WIRE.stubFor(post(urlPathEqualTo(TOKENS))
                .willReturn(okJson(token(expires)).withStatus(201).withHeader("X-Subject-Token", "mine")));
    }

    private static void validates(String body) {
        WIRE.stubFor(get(urlPathEqualTo(TOKENS)).willReturn(okJson(body)));
    }

    // ---- our own

    @Test
    void theOwnTokenIsAskedForOnceAndRenewedFiveMinutesBeforeItsEnd() throws Exception {
        issues("2026-11-21T13:00:00.000000Z");
        OwnToken own = own(Map.of());

        own.token();
        clock.pass(Duration.ofMinutes(54));
        own.token();
        WIRE.verify(1, postRequestedFor(urlPathEqualTo(TOKENS)));

        clock.pass(Duration.ofMinutes(2));
        assertThat(own.token()).isEqualTo("mine");
        WIRE.verify(2, postRequestedFor(urlPathEqualTo(TOKENS)));
    }

    @Test
    void aRejectedTokenIsReplacedByAFreshOne() throws Exception {
        issues("2026-11-21T13:00:00.000000Z");
        OwnToken own = own(Map.of());

        own.rejected(own.token());
        own.token();

        WIRE.verify(2, postRequestedFor(urlPathEqualTo(TOKENS)));
    }

    @Test
    void endpointsComeFromTheCatalogByInterfaceAndRegionUnlessGiven() throws Exception {
        issues("2026-11-21T13:00:00.000000Z");

        assertThat(own(Map.of()).endpoint("placement")).hasToString("http://placement:8778");
        assertThat(own(Map.of("placement", URI.create("http://here"))).endpoint("placement"))
                .hasToString("http://here");
        assertThatThrownBy(() -> own(Map.of()).endpoint("compute"))
                .hasMessage("Keystone's catalog has no internal endpoint of a service of type compute in region R1");
    }

    @Test
    void aWrongPasswordIsToldInKeystonesWordsWithoutThePassword() {
        WIRE.stubFor(post(urlPathEqualTo(TOKENS))
                .willReturn(aResponse()
                        .withStatus(401)
                        .withBody("{\"error\":{\"code\":401,\"message\":\"The request you have made requires"
                                + " authentication.\",\"title\":\"Unauthorized\"}}")));

        assertThatThrownBy(() -> own(Map.of()).token())
                .hasMessage(
                        "Keystone POST /v3/auth/tokens: HTTP 401: The request you have made requires authentication.");
        assertThat(new KeystoneConfig("u", "a", "b", "s3cret", "c", "d", "", "public", Duration.ZERO).toString())
                .doesNotContain("s3cret");
    }

    @Test
    void anAnswerWithoutATokenOrATimeIsMalformed() {
        WIRE.stubFor(post(urlPathEqualTo(TOKENS)).willReturn(okJson(token("2026-11-21T13:00:00Z"))));
        assertThatThrownBy(() -> own(Map.of()).token()).hasMessageContaining("no X-Subject-Token");

        issues("tomorrow");
        assertThatThrownBy(() -> own(Map.of()).token()).hasMessageContaining("expires_at is not a time: 'tomorrow'");
    }

    // ---- those of callers

    @Test
    void aCallersTokenTellsWhoItIs() throws Exception {
        validates(token("2026-11-21T13:00:00.000000Z", "reader", "admin"));

        Identity identity = validator().identify("theirs", null).orElseThrow();

        assertThat(identity)
                .isEqualTo(new Identity(
                        "u1", "p1", false, Set.of("admin", "reader"), Instant.parse("2026-11-21T13:00:00Z")));
    }

    @Test
    void aRevocationCountsAfterAMinuteAtTheLatest() throws Exception {
        validates(token("2026-11-21T13:00:00.000000Z", "admin"));
        TokenValidator validator = validator();
        assertThat(validator.identify("theirs", null)).isPresent();

        WIRE.stubFor(get(urlPathEqualTo(TOKENS)).willReturn(aResponse().withStatus(404)));

        clock.pass(Duration.ofSeconds(59));
        assertThat(validator.identify("theirs", null)).isPresent();
        clock.pass(Duration.ofSeconds(2));
        assertThat(validator.identify("theirs", null)).isEmpty();
    }

    @Test
    void noTokenIsBelievedBeyondItsEnd() throws Exception {
        validates(token("2026-11-21T12:00:30.000000Z", "admin"));
        TokenValidator validator = validator();
        assertThat(validator.identify("theirs", null)).isPresent();

        clock.pass(Duration.ofSeconds(31));

        assertThat(validator.identify("theirs", null)).isEmpty();
    }

    @Test
    void ourOwnTokenBeingRefusedIsNotTheCallersFault() throws Exception {
        WIRE.stubFor(get(urlPathEqualTo(TOKENS))
                .inScenario("renewal")
                .whenScenarioStateIs(STARTED)
                .willReturn(aResponse().withStatus(401))
                .willSetStateTo("renewed"));
        WIRE.stubFor(get(urlPathEqualTo(TOKENS))
                .inScenario("renewal")
                .whenScenarioStateIs("renewed")
                .withHeader("X-Auth-Token", equalTo("token-2"))
                .willReturn(okJson(token("2026-11-21T13:00:00.000000Z", "admin"))));

        assertThat(validator().identify("theirs", null)).isPresent();
    }

    @Test
    void aServiceMayBringAUsersTokenThatHasEnded() throws Exception {
        String ended = token("2026-11-21T11:00:00.000000Z", "member");
        WIRE.stubFor(get(urlPathEqualTo(TOKENS))
                .withHeader("X-Subject-Token", equalTo("service-token"))
                .willReturn(okJson(token("2026-11-21T13:00:00.000000Z", "service"))));
        WIRE.stubFor(get(urlPathEqualTo(TOKENS))
                .withHeader("X-Subject-Token", equalTo("theirs"))
                .withQueryParam("allow_expired", equalTo("1"))
                .willReturn(okJson(ended)));

        assertThat(validator().identify("theirs", "service-token")).isPresent();
        WIRE.stubFor(get(urlPathEqualTo(TOKENS))
                .withHeader("X-Subject-Token", equalTo("theirs"))
                .withQueryParam("allow_expired", com.github.tomakehurst.wiremock.client.WireMock.absent())
                .willReturn(aResponse().withStatus(404)));
        assertThat(validator().identify("theirs", null)).isEmpty();
    }

    @Test
    void withoutKeystoneNobodyIsLetInAndTheErrorSaysSo() {
        WIRE.stubFor(get(urlPathEqualTo(TOKENS)).willReturn(aResponse().withStatus(503)));
        assertKind(Kind.SERVER_ERROR);

        WIRE.stubFor(get(urlPathEqualTo(TOKENS)).willReturn(okJson("{}").withFixedDelay(4000)));
        assertKind(Kind.TIMEOUT);

        WIRE.stubFor(get(urlPathEqualTo(TOKENS)).willReturn(okJson("{\"token\":{}}")));
        assertKind(Kind.MALFORMED);

        WIRE.stubFor(get(urlPathEqualTo(TOKENS)).willReturn(okJson("{\"token\":")));
        assertKind(Kind.MALFORMED);
    }

    private void assertKind(Kind kind) {
        assertThatThrownBy(() -> validator().identify("theirs", null))
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.kind()).isEqualTo(kind));
    }

    @Test
    void whatCannotBeATokenIsNotAskedFor() throws Exception {
        assertThat(validator().identify("with\nnewline", null)).isEqualTo(Optional.empty());
        assertThat(validator().identify("", null)).isEqualTo(Optional.empty());

        WIRE.verify(0, getRequestedFor(urlPathEqualTo(TOKENS)).withHeader("X-Subject-Token", matching(".*")));
    }
}
