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

import com.github.tomakehurst.wiremock.client.ResponseDefinitionBuilder;
import com.github.tomakehurst.wiremock.http.Fault;
import com.github.tomakehurst.wiremock.junit5.WireMockExtension;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
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
        return new PlacementClient(new FixedCredentials(WIRE.baseUrl()), Duration.ofMillis(1500));
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

    @ParameterizedTest
    @CsvSource({
        "500, SERVER_ERROR",
        "502, SERVER_ERROR",
        "503, SERVER_ERROR",
        "403, FORBIDDEN",
        "404, NOT_FOUND",
        "406, MICROVERSION",
        "400, REFUSED"
    })
    void aStatusIsAnErrorOfItsKind(int status, Kind kind) {
        claimsAnswer(aResponse().withStatus(status).withBody("<html>proxy says no</html>"));

        assertThat(kindOfReading()).isEqualTo(kind);
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
    void anAnswerThatBreaksOffIsTruncated() {
        claimsAnswer(aResponse().withBody("{\"alloc").withHeader("Content-Length", "5000"));
        assertThat(kindOfReading()).isIn(Kind.TRUNCATED, Kind.TIMEOUT);

        claimsAnswer(aResponse().withFault(Fault.CONNECTION_RESET_BY_PEER));
        assertThat(kindOfReading()).isEqualTo(Kind.TRUNCATED);

        claimsAnswer(aResponse().withFault(Fault.RANDOM_DATA_THEN_CLOSE));
        assertThat(kindOfReading()).isEqualTo(Kind.TRUNCATED);
    }

    @Test
    void aSlowAnswerIsATimeoutAlsoIfItHasBegun() {
        claimsAnswer(okJson("{\"allocations\":{}}").withFixedDelay(4000));
        assertThat(kindOfReading()).isEqualTo(Kind.TIMEOUT);

        claimsAnswer(okJson("{\"allocations\":{}}").withChunkedDribbleDelay(10, 8000));
        assertThat(kindOfReading()).isEqualTo(Kind.TIMEOUT);
    }

    @Test
    void whoIsNotThereIsUnreachable() {
        PlacementClient nobody = new PlacementClient(new FixedCredentials("http://127.0.0.1:1"), Duration.ofSeconds(2));

        assertThatThrownBy(() -> nobody.claims(CONSUMER))
                .hasMessage("Placement GET " + PATH + ": no connection to 127.0.0.1:1")
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
    }

    @Test
    void aNewConsumerIsWrittenWithANullGeneration() throws Exception {
        putAnswers(aResponse().withStatus(204));

        client().replace(CONSUMER, wanted());

        WIRE.verify(putRequestedFor(urlPathEqualTo(PATH))
                .withHeader("OpenStack-API-Version", equalTo("placement 1.39"))
                .withRequestBody(com.github.tomakehurst.wiremock.client.WireMock.equalToJson(
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
