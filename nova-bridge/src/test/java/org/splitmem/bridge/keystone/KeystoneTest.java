package org.splitmem.bridge.keystone;

import static com.github.tomakehurst.wiremock.client.WireMock.aResponse;
import static com.github.tomakehurst.wiremock.client.WireMock.any;
import static com.github.tomakehurst.wiremock.client.WireMock.anyRequestedFor;
import static com.github.tomakehurst.wiremock.client.WireMock.anyUrl;
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
import static org.assertj.core.api.Assertions.catchThrowable;

import com.github.tomakehurst.wiremock.client.ResponseDefinitionBuilder;
import com.github.tomakehurst.wiremock.client.WireMock;
import com.github.tomakehurst.wiremock.junit5.WireMockExtension;
import com.github.tomakehurst.wiremock.stubbing.StubMapping;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.bridge.http.Bad;
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
        return own(overrides, Duration.ofSeconds(20));
    }

    private OwnToken own(Map<String, URI> overrides, Duration limit) {
        return new OwnToken(
                new KeystoneConfig(
                        WIRE.baseUrl(), "bridge", "Default", "s3cret", "service", "Default", "R1", "internal", limit),
                overrides,
                clock);
    }

    private TokenValidator validator() {
        return validator(Duration.ofSeconds(20));
    }

    private TokenValidator validator(Duration limit) {
        return new TokenValidator(
                WIRE.baseUrl(), limit, new FixedCredentials(WIRE.baseUrl()), Set.of("service"), clock);
    }

    private static String token(String expires, String... roles) {
        StringBuilder list = new StringBuilder();
        for (String role : roles) {
            list.append(list.isEmpty() ? "" : ",")
                    .append("{\"name\":\"")
                    .append(role)
                    .append("\"}");
        }
        return "{\"token\":{\"user\":{\"id\":\"u1\",\"name\":\"alice\"},"
                + "\"project\":{\"id\":\"p1\",\"name\":\"sales\"},\"roles\":[" + list
                + "],\"expires_at\":\"" + expires + "\",\"catalog\":[{\"type\":\"placement\",\"endpoints\":["
                + "{\"interface\":\"internal\",\"region_id\":\"R2\",\"url\":\"http://other\"},"
                + "{\"interface\":\"public\",\"region_id\":\"R1\",\"url\":\"http://public\"},"
                + "{\"interface\":\"internal\",\"region_id\":\"R1\",\"url\":\"http://placement:8778/\"}]}]}}";
    }

    private static ResponseDefinitionBuilder noSuchToken() {
        return okJson("{\"error\":{\"code\":404,\"message\":\"Could not find token.\",\"title\":\"Not Found\"}}")
                .withStatus(404);
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
                .hasMessage("Keystone's catalog has no internal endpoint of a service of type compute in region R1"
                        + " (create it, or set nova.url)");
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
                        "Keystone POST /v3/auth/tokens: HTTP 401: The request you have made requires authentication."
                                + " (see keystone.user, keystone.project, their domains, and keystone.password-file)");
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

    @ParameterizedTest
    @EnumSource
    void withoutKeystoneThereIsNoTokenAndTheErrorSaysWhatToDo(Bad bad) {
        WIRE.stubFor(any(anyUrl()).willReturn(bad.answer().withHeader("X-Subject-Token", "mine")));

        assertThatThrownBy(() -> own(Map.of(), bad.limit()).token())
                .isInstanceOfSatisfying(ServiceException.class, e -> bad.check(e, "Keystone POST " + TOKENS));
        WIRE.verify(1, anyRequestedFor(anyUrl()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "[]                                               | NOT_FOUND | has no internal endpoint",
                "{}                                               | NOT_FOUND | has no internal endpoint",
                "[{\"type\":\"placement\"}]                        | NOT_FOUND | has no internal endpoint",
                "[{\"type\":\"placement\",\"endpoints\":[null,5]}] | NOT_FOUND | has no internal endpoint",
                "[E\"\"}]}]                 | MALFORMED | is no address: ''",
                "[E\"/placement\"}]}]       | MALFORMED | is no address: '/placement'",
                "[E\"ftp://placement\"}]}]  | MALFORMED | is no address: 'ftp://placement'",
                "[E\"http://a b\"}]}]       | MALFORMED | is no address: 'http://a b'",
                "[E\"http:///placement\"}]}] | MALFORMED | is no address: 'http:///placement'",
            })
    void aCatalogWithoutPlacementIsAnError(String catalog, Kind kind, String words) {
        String endpoint =
                "{\"type\":\"placement\",\"endpoints\":[{\"interface\":\"internal\",\"region_id\":\"R1\",\"url\":";
        WIRE.stubFor(post(urlPathEqualTo(TOKENS))
                .willReturn(okJson("{\"token\":{\"expires_at\":\"2026-11-21T13:00:00Z\",\"catalog\":"
                                + catalog.replace("E", endpoint) + "}}")
                        .withHeader("X-Subject-Token", "mine")));

        assertThatThrownBy(() -> own(Map.of()).endpoint("placement"))
                .hasMessageStartingWith("Keystone's catalog")
                .hasMessageContaining(words)
                .hasMessageEndingWith("or set placement.url)")
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.kind()).isEqualTo(kind));
    }

    @Test
    void whileKeystoneIsSlowNobodyWaitsForMoreThanOneRequest() throws Exception {
        WIRE.stubFor(any(anyUrl()).willReturn(okJson("{}").withFixedDelay(8000)));
        OwnToken own = own(Map.of(), Duration.ofSeconds(2));
        List<CompletableFuture<Throwable>> waiting = new ArrayList<>();
        long start = System.nanoTime();
        for (int i = 0; i < 5; i++) {
            waiting.add(
                    CompletableFuture.supplyAsync(() -> catchThrowable(own::token), task -> new Thread(task).start()));
        }

        for (CompletableFuture<Throwable> one : waiting) {
            assertThat(one.get()).isInstanceOf(ServiceException.class).hasMessageContaining("no answer within");
        }
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(6));
        issues("2026-11-21T13:00:00.000000Z");
        assertThat(own.token()).isEqualTo("mine");
    }

    // ---- those of callers

    @Test
    void aCallersTokenTellsWhoItIs() throws Exception {
        validates(token("2026-11-21T13:00:00.000000Z", "reader", "admin"));

        Identity identity = validator().identify("theirs", null).orElseThrow();

        assertThat(identity)
                .isEqualTo(new Identity(
                        "u1",
                        "alice",
                        "p1",
                        "sales",
                        false,
                        Set.of("admin", "reader"),
                        Instant.parse("2026-11-21T13:00:00Z")));
    }

    @Test
    void aRevocationCountsAfterAMinuteAtTheLatest() throws Exception {
        validates(token("2026-11-21T13:00:00.000000Z", "admin"));
        TokenValidator validator = validator();
        assertThat(validator.identify("theirs", null)).isPresent();

        WIRE.stubFor(get(urlPathEqualTo(TOKENS)).willReturn(noSuchToken()));

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
                .withQueryParam("allow_expired", WireMock.absent())
                .willReturn(noSuchToken()));
        assertThat(validator().identify("theirs", null)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void withoutKeystoneNobodyIsLetInAndTheErrorSaysSo(Bad bad) {
        StubMapping answered = WIRE.stubFor(any(anyUrl()).willReturn(bad.answer()));

        assertThatThrownBy(() -> validator(bad.limit()).identify("theirs", null))
                .isInstanceOfSatisfying(ServiceException.class, e -> bad.check(e, "Keystone GET " + TOKENS));
        bad.checkRequests(WIRE, answered);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"token\":[]}",
                "{\"token\":{}}",
                "{\"token\":{\"expires_at\":\"2026-11-21T13:00:00Z\"}}",
                "{\"token\":{\"user\":{\"id\":5},\"expires_at\":\"2026-11-21T13:00:00Z\"}}",
                "{\"token\":{\"user\":{\"id\":\"u1\"}}}",
                "{\"token\":{\"user\":{\"id\":\"u1\"},\"expires_at\":1795266000}}"
            })
    void aTokenThatIsNotWhatTheApiPromisesLetsNobodyIn(String body) {
        validates(body);

        assertThatThrownBy(() -> validator().identify("theirs", null))
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.kind()).isEqualTo(Kind.MALFORMED));
    }

    @Test
    void oddRolesAreNone() throws Exception {
        validates("{\"token\":{\"user\":{\"id\":\"u1\"},\"roles\":[\"admin\",{\"name\":7},null],"
                + "\"expires_at\":\"2026-11-21T13:00:00Z\"}}");

        assertThat(validator().identify("theirs", null).orElseThrow().roles()).doesNotContain("admin");
    }

    @Test
    void whatCannotBeATokenIsNotAskedFor() throws Exception {
        assertThat(validator().identify("with\nnewline", null)).isEqualTo(Optional.empty());
        assertThat(validator().identify("", null)).isEqualTo(Optional.empty());

        WIRE.verify(0, getRequestedFor(urlPathEqualTo(TOKENS)).withHeader("X-Subject-Token", matching(".*")));
    }
}
