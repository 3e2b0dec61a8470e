package org.splitmem.bridge.placement;

import static com.github.tomakehurst.wiremock.client.WireMock.aResponse;
import static com.github.tomakehurst.wiremock.client.WireMock.any;
import static com.github.tomakehurst.wiremock.client.WireMock.anyUrl;
import static com.github.tomakehurst.wiremock.client.WireMock.equalTo;
import static com.github.tomakehurst.wiremock.client.WireMock.get;
import static com.github.tomakehurst.wiremock.client.WireMock.okJson;
import static com.github.tomakehurst.wiremock.client.WireMock.put;
import static com.github.tomakehurst.wiremock.client.WireMock.putRequestedFor;
import static com.github.tomakehurst.wiremock.client.WireMock.urlPathEqualTo;
import static com.github.tomakehurst.wiremock.core.WireMockConfiguration.wireMockConfig;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;

import com.github.tomakehurst.wiremock.client.ResponseDefinitionBuilder;
import com.github.tomakehurst.wiremock.client.WireMock;
import com.github.tomakehurst.wiremock.junit5.WireMockExtension;
import com.github.tomakehurst.wiremock.stubbing.StubMapping;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.bridge.http.Bad;
import org.splitmem.bridge.http.FixedCredentials;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;

/** Every way in which Placement can answer badly. */
class BadAnswersTest {
    private static final UUID CONSUMER = UUID.fromString("00000000-0000-5000-8000-000000000001");
    private static final UUID PROVIDER = UUID.fromString("00000000-0000-4000-8000-000000000002");
    private static final String PATH = "/allocations/" + CONSUMER;

    @RegisterExtension
    static final WireMockExtension WIRE = WireMockExtension.newInstance()
            .options(wireMockConfig().dynamicPort())
            .build();

    private static PlacementClient client() {
        return new PlacementClient(new FixedCredentials(WIRE.baseUrl()), Duration.ofSeconds(20), Map::of);
    }

    private static void claimsAnswer(ResponseDefinitionBuilder answer) {
        WIRE.stubFor(get(urlPathEqualTo(PATH)).willReturn(answer));
    }

    private static void putAnswers(ResponseDefinitionBuilder answer) {
        WIRE.stubFor(put(urlPathEqualTo(PATH)).willReturn(answer));
    }

    private static Kind kindOfReading() {
        try {
            client().claims(CONSUMER);
            return null;
        } catch (ServiceException e) {
            assertThat(e).hasMessageStartingWith("Placement GET " + PATH);
            return e.kind();
        }
    }

    private interface Question {
        void ask(PlacementClient client) throws Exception;
    }

    /** What Placement can be asked. */
    @SuppressWarnings("ImmutableEnumChecker") // nobody changes them
    private enum Asked {
        CHECK("GET /", PlacementClient::check),
        LENDERS("PUT /traits/CUSTOM_SPLITMEM_SERVER", client -> client.lenders(null)),
        PROVIDERS("GET /resource_providers", PlacementClient::providers),
        HOST("GET /resource_providers", client -> client.provider("h1")),
        CLAIMS("GET " + PATH, client -> client.claims(CONSUMER)),
        CLAIMED("GET " + PATH, client -> client.claimedMb(CONSUMER)),
        CLAIMS_ON("GET /resource_providers/" + PROVIDER + "/allocations", client -> client.claimsOn(PROVIDER)),
        REPLACE("PUT " + PATH, client -> client.replace(CONSUMER, wanted()));

        private final String request;
        private final Question question;

        Asked(String request, Question question) {
            this.request = "Placement " + request;
            this.question = question;
        }
    }

    static Stream<Arguments> everything() {
        return Stream.of(Asked.values())
                .flatMap(asked -> Stream.of(Bad.values())
                        // Whether there is a trait the status alone tells.
                        .filter(bad -> asked != Asked.LENDERS || !bad.isSuccess())
                        .map(bad -> Arguments.of(asked, bad)));
    }

    @ParameterizedTest
    @MethodSource("everything")
    void anAnswerThatIsBadIsAnErrorThatSaysWhatToDo(Asked asked, Bad bad) {
        StubMapping answered = WIRE.stubFor(any(anyUrl()).willReturn(bad.answer()));
        PlacementClient client = new PlacementClient(new FixedCredentials(WIRE.baseUrl()), bad.limit(), Map::of);

        assertThatThrownBy(() -> asked.question.ask(client))
                .isInstanceOfSatisfying(ServiceException.class, e -> bad.check(e, asked.request));
        bad.checkRequests(WIRE, answered);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/allocation_candidates | {}",
                "/allocation_candidates | {\"provider_summaries\":[]}",
                "/allocation_candidates | {\"provider_summaries\":{\"P\":{\"resources\":{\"MEMORY_MB\":{\"used\":1}}}}}",
                "/allocation_candidates | {\"provider_summaries\":{\"P\":{\"resources\":{\"MEMORY_MB\":{\"capacity\":-1,\"used\":1}}}}}",
                "/resource_providers    | {\"resource_providers\":{}}",
                "/resource_providers    | {\"resource_providers\":[{\"name\":\"h1\"}]}",
                "/resource_providers    | {\"resource_providers\":[{\"uuid\":\"P\",\"name\":7}]}",
                "/resource_providers    | {\"resource_providers\":[\"h1\"]}",
            })
    void lendersThatAreNotWhatTheApiPromisesAreMalformed(String path, String body) {
        WIRE.stubFor(put(anyUrl()).willReturn(aResponse().withStatus(204)));
        WIRE.stubFor(get(urlPathEqualTo("/allocation_candidates")).willReturn(okJson("{\"provider_summaries\":{}}")));
        WIRE.stubFor(get(urlPathEqualTo("/resource_providers"))
                .willReturn(okJson("{\"resource_providers\":[{\"uuid\":\"" + PROVIDER + "\",\"name\":\"h1\"}]}")));
        WIRE.stubFor(get(urlPathEqualTo(path)).willReturn(okJson(body.replace("P\"", PROVIDER + "\""))));

        assertThatThrownBy(() -> client().lenders(null))
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.kind()).isEqualTo(Kind.MALFORMED));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "inventories | {\"inventories\":{\"MEMORY_MB\":{\"total\":5,\"reserved\":0}}}",
                "inventories | {\"inventories\":{\"MEMORY_MB\":{\"total\":\"5\",\"reserved\":0,\"allocation_ratio\":1.0}}}",
                "inventories | {\"inventories\":{\"MEMORY_MB\":{\"total\":5,\"reserved\":0,\"allocation_ratio\":\"1\"}}}",
                "usages      | {}",
                "usages      | {\"usages\":{\"MEMORY_MB\":99999999999999999999}}",
            })
    void aProviderThatIsNotWhatTheApiPromisesIsMalformed(String what, String body) {
        String host = "/resource_providers/" + PROVIDER + "/";
        WIRE.stubFor(get(urlPathEqualTo("/resource_providers"))
                .willReturn(okJson("{\"resource_providers\":[{\"uuid\":\"" + PROVIDER + "\",\"name\":\"h1\"}]}")));
        WIRE.stubFor(get(urlPathEqualTo(host + "inventories"))
                .willReturn(okJson(
                        "{\"inventories\":{\"MEMORY_MB\":{\"total\":5,\"reserved\":0,\"allocation_ratio\":1.0}}}")));
        WIRE.stubFor(get(urlPathEqualTo(host + "usages")).willReturn(okJson("{\"usages\":{\"MEMORY_MB\":2}}")));
        assertThat(assertDoesNotThrow(() -> client().provider("h1"))
                        .orElseThrow()
                        .freeMb())
                .isEqualTo(3);
        assertThat(assertDoesNotThrow(() -> client().provider("h2")))
                .as("the filter was dropped")
                .isEmpty();

        WIRE.stubFor(get(urlPathEqualTo(host + what)).willReturn(okJson(body)));

        assertThatThrownBy(() -> client().provider("h1"))
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.kind()).isEqualTo(Kind.MALFORMED));
    }

    @Test
    void onlyPlacementsOwnWordIsThatAProviderIsGone() throws Exception {
        WIRE.stubFor(any(anyUrl())
                .willReturn(okJson("{\"errors\":[{\"detail\":\"none\",\"code\":\"placement.undefined_code\"}]}")
                        .withStatus(404)));

        assertThat(client().claimsOn(PROVIDER)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"[], ''", "[5], MEMORY_MB", "[], DISK_GB"})
    void onlyWhatAConsumerHasOfMemoryCounts(String claimed, String resource) throws Exception {
        String one = resource.isEmpty() ? "" : "\"P1\":{\"resources\":{\"VCPU\":1,\"" + resource + "\":5}}";
        claimsAnswer(okJson("{\"allocations\":{" + one + "}}"));

        assertThat(client().claimedMb(CONSUMER)).hasToString(claimed);
    }

    @Test
    void itsOwnWordsAreTold() {
        claimsAnswer(
                aResponse()
                        .withStatus(400)
                        .withBody(
                                "{\"errors\":[{\"status\":400,\"detail\":\"bad uuid\",\"code\":\"placement.undefined_code\"}]}"));

        assertThatThrownBy(() -> client().claims(CONSUMER))
                .hasMessage("Placement GET " + PATH + ": HTTP 400: bad uuid")
                .asInstanceOf(type(ServiceException.class))
                .extracting(ServiceException::code)
                .isEqualTo("placement.undefined_code");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "null",
                "{\"allocations\":",
                "<html></html>",
                "{}",
                "{\"allocations\":[]}",
                "{\"allocations\":{\"not-a-uuid\":{\"resources\":{\"MEMORY_MB\":1}}}}",
                "{\"allocations\":{\"00000000-0000-4000-8000-000000000002\":{\"resources\":{\"MEMORY_MB\":\"1\"}}}}",
                "{\"allocations\":{\"00000000-0000-4000-8000-000000000002\":{\"resources\":{\"MEMORY_MB\":1}}}}"
            })
    void whatTheApiDoesNotPromiseIsMalformed(String body) {
        claimsAnswer(okJson(body));

        assertThat(kindOfReading()).isEqualTo(Kind.MALFORMED);
    }

    @Test
    void whoIsNotThereIsUnreachable() {
        PlacementClient nobody =
                new PlacementClient(new FixedCredentials("http://127.0.0.1:1"), Duration.ofSeconds(2), Map::of);

        assertThatThrownBy(() -> nobody.claims(CONSUMER))
                .hasMessage("Placement GET " + PATH
                        + ": no connection to 127.0.0.1:1 (does it run, and is its address right?)")
                .asInstanceOf(type(ServiceException.class))
                .extracting(ServiceException::kind)
                .isEqualTo(Kind.UNREACHABLE);
    }

    @Test
    void aTokenThatIsNoLongerGoodIsReplacedOnce() throws Exception {
        WIRE.stubFor(any(anyUrl()).willReturn(aResponse().withStatus(401)));
        WIRE.stubFor(get(urlPathEqualTo(PATH))
                .withHeader("X-Auth-Token", equalTo("token-2"))
                .willReturn(okJson("{\"allocations\":{}}")));

        assertThat(client().claims(CONSUMER)).isEqualTo(Claims.NONE);
    }

    @Test
    void aFreshTokenThatIsNotGoodEitherIsAnError() {
        claimsAnswer(aResponse().withStatus(401));

        assertThat(kindOfReading()).isEqualTo(Kind.UNAUTHORIZED);
    }

    @Test
    void theTwoKindsOf409AreToldApart() {
        putAnswers(aResponse()
                .withStatus(409)
                .withBody("{\"errors\":[{\"detail\":\"changed\",\"code\":\"placement.concurrent_update\"}]}"));
        assertThatThrownBy(() -> client().replace(CONSUMER, wanted())).isInstanceOf(ConcurrentUpdateException.class);

        putAnswers(aResponse()
                .withStatus(409)
                .withBody("{\"errors\":[{\"detail\":\"over capacity\",\"code\":\"placement.undefined_code\"}]}"));
        assertThatThrownBy(() -> client().replace(CONSUMER, wanted()))
                .isInstanceOf(NoCapacityException.class)
                .hasMessageContaining("over capacity");

        putAnswers(aResponse().withStatus(409).withBody("<html>busy</html>"));
        assertThatThrownBy(() -> client().replace(CONSUMER, wanted()))
                .as("not Placement's words")
                .isInstanceOf(ServiceException.class);
    }

    @Test
    void aNewConsumerIsWrittenWithANullGeneration() throws Exception {
        putAnswers(aResponse().withStatus(204));

        client().replace(CONSUMER, wanted());

        WIRE.verify(putRequestedFor(urlPathEqualTo(PATH))
                .withHeader("OpenStack-API-Version", equalTo("placement 1.39"))
                .withRequestBody(WireMock.equalToJson(
                        "{\"allocations\":{\"" + PROVIDER + "\":{\"resources\":{\"MEMORY_MB\":5}}},"
                                + "\"consumer_generation\":null,\"project_id\":\"p\",\"user_id\":\"u\","
                                + "\"consumer_type\":\"SPLITMEM\"}")));
    }

    private static Claims wanted() {
        return new Claims(Map.of(PROVIDER, 5L), null, "p", "u", "SPLITMEM");
    }

    @Test
    void anOldPlacementIsRefused() {
        WIRE.stubFor(get(urlPathEqualTo("/")).willReturn(okJson("{\"versions\":[{\"max_version\":\"1.36\"}]}")));

        assertThatThrownBy(() -> client().check())
                .hasMessage("Placement speaks microversions up to '1.36', 1.39 is needed");
    }
}
