package org.splitmem.bridge.nova;

import static com.github.tomakehurst.wiremock.client.WireMock.aResponse;
import static com.github.tomakehurst.wiremock.client.WireMock.any;
import static com.github.tomakehurst.wiremock.client.WireMock.anyUrl;
import static com.github.tomakehurst.wiremock.client.WireMock.equalTo;
import static com.github.tomakehurst.wiremock.client.WireMock.get;
import static com.github.tomakehurst.wiremock.client.WireMock.getRequestedFor;
import static com.github.tomakehurst.wiremock.client.WireMock.okJson;
import static com.github.tomakehurst.wiremock.client.WireMock.urlEqualTo;
import static com.github.tomakehurst.wiremock.core.WireMockConfiguration.wireMockConfig;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.tomakehurst.wiremock.junit5.WireMockExtension;
import com.github.tomakehurst.wiremock.stubbing.StubMapping;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.splitmem.bridge.http.Bad;
import org.splitmem.bridge.http.FixedCredentials;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;

/** What Nova answers, well and badly. */
class NovaClientTest {
    private static final UUID SERVER = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final UUID GROUP = UUID.fromString("6d1f0000-0000-4000-8000-000000000002");

    @RegisterExtension
    static final WireMockExtension WIRE = WireMockExtension.newInstance()
            .options(wireMockConfig().dynamicPort())
            .build();

    private static NovaClient client() {
        return new NovaClient(new FixedCredentials(WIRE.baseUrl() + "/v2.1"), Duration.ofSeconds(20));
    }

    private static void answers(String path, String body) {
        WIRE.stubFor(get(urlEqualTo("/v2.1" + path)).willReturn(okJson(body)));
    }

    @Test
    void aggregatesAreReadWithTheirHostsAndMetadata() throws Exception {
        answers(
                "/os-aggregates",
                "{\"aggregates\":[{\"id\":1,\"uuid\":\"" + GROUP
                        + "\",\"name\":\"rack1\",\"availability_zone\":\"az1\","
                        + "\"hosts\":[\"h1\",\"h2\"],\"metadata\":{\"availability_zone\":\"az1\"},\"deleted\":false}]}");

        assertThat(client().aggregates())
                .containsExactly(new Aggregate(GROUP, "rack1", Set.of("h1", "h2"), Map.of("availability_zone", "az1")));
        WIRE.verify(getRequestedFor(anyUrl()).withHeader("OpenStack-API-Version", equalTo("compute 2.71")));
    }

    @Test
    void aServerIsReadWithItsHostAndGroup() throws Exception {
        answers(
                "/servers/" + SERVER,
                "{\"server\":{\"id\":\"" + SERVER + "\",\"OS-EXT-SRV-ATTR:host\":\"h1\",\"server_groups\":[\"" + GROUP
                        + "\"]}}");

        assertThat(client().server(SERVER)).contains(new Server(SERVER, "h1", List.of(GROUP)));
    }

    @Test
    void aServerThatIsOnNoHostHasNone() throws Exception {
        answers(
                "/servers/" + SERVER,
                "{\"server\":{\"id\":\"" + SERVER + "\",\"OS-EXT-SRV-ATTR:host\":null,\"server_groups\":[]}}");

        assertThat(client().server(SERVER)).contains(new Server(SERVER, null, List.of()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {"{} | 1", "{\"max_server_per_host\":3} | 3", "{\"max_server_per_host\":\"3\"} | 3"})
    void aGroupIsReadWithItsRules(String rules, int maxPerHost) throws Exception {
        answers(
                "/os-server-groups/" + GROUP,
                "{\"server_group\":{\"id\":\"" + GROUP + "\",\"name\":\"db\",\"policy\":\"anti-affinity\",\"rules\":"
                        + rules + ",\"members\":[\"" + SERVER + "\"],\"project_id\":\"p\",\"user_id\":\"u\"}}");

        assertThat(client().group(GROUP))
                .contains(new ServerGroup(GROUP, "db", "anti-affinity", maxPerHost, List.of(SERVER)));
    }

    @Test
    void whatNovaDoesNotHaveIsEmpty() throws Exception {
        WIRE.stubFor(any(anyUrl())
                .willReturn(okJson("{\"itemNotFound\":{\"code\":404,\"message\":\"Instance could not be found.\"}}")
                        .withStatus(404)));

        assertThat(client().server(SERVER)).isEmpty();
        assertThat(client().group(GROUP)).isEmpty();
    }

    private interface Question {
        void ask(NovaClient client) throws Exception;
    }

    /** What Nova can be asked. */
    @SuppressWarnings("ImmutableEnumChecker") // nobody changes them
    private enum Asked {
        AGGREGATES("GET /v2.1/os-aggregates", NovaClient::aggregates),
        SERVER("GET /v2.1/servers/" + NovaClientTest.SERVER, client -> client.server(NovaClientTest.SERVER)),
        GROUP("GET /v2.1/os-server-groups/" + NovaClientTest.GROUP, client -> client.group(NovaClientTest.GROUP));

        private final String request;
        private final Question question;

        Asked(String request, Question question) {
            this.request = "Nova " + request;
            this.question = question;
        }
    }

    static Stream<Arguments> everything() {
        return Stream.of(Asked.values())
                .flatMap(asked -> Stream.of(Bad.values()).map(bad -> Arguments.of(asked, bad)));
    }

    @ParameterizedTest
    @MethodSource("everything")
    void anAnswerThatIsBadIsAnErrorThatSaysWhatToDo(Asked asked, Bad bad) {
        StubMapping answered = WIRE.stubFor(any(anyUrl()).willReturn(bad.answer()));
        NovaClient client = new NovaClient(new FixedCredentials(WIRE.baseUrl() + "/v2.1"), bad.limit());

        assertThatThrownBy(() -> asked.question.ask(client))
                .isInstanceOfSatisfying(ServiceException.class, e -> bad.check(e, asked.request));
        bad.checkRequests(WIRE, answered);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/os-aggregates        | {\"aggregates\":{}}",
                "/os-aggregates        | {\"aggregates\":[{\"name\":\"a\",\"hosts\":[],\"metadata\":{}}]}",
                "/os-aggregates        | {\"aggregates\":[{\"name\":\"a\",\"uuid\":\"G\",\"metadata\":{}}]}",
                "/os-aggregates        | {\"aggregates\":[{\"name\":\"a\",\"uuid\":\"G\",\"hosts\":[7],\"metadata\":{}}]}",
                "/servers/S            | {\"server\":{\"id\":\"G\",\"server_groups\":[]}}",
                "/servers/S            | {\"server\":{\"id\":\"S\"}}",
                "/servers/S            | {\"server\":{\"id\":\"S\",\"server_groups\":[\"db\"]}}",
                "/os-server-groups/G   | {\"server_group\":{\"id\":\"G\",\"name\":\"db\",\"members\":[]}}",
                "/os-server-groups/G   | {\"server_group\":{\"id\":\"G\",\"name\":\"db\",\"policy\":\"affinity\"}}",
            })
    void whatIsNotAsTheApiPromisesIsMalformed(String path, String body) {
        WIRE.stubFor(get(anyUrl()).willReturn(aResponse().withStatus(500)));
        answers(filled(path), filled(body));
        NovaClient client = client();

        assertThatThrownBy(() -> {
                    if (path.startsWith("/servers")) {
                        client.server(SERVER);
                    } else if (path.startsWith("/os-server-groups")) {
                        client.group(GROUP);
                    } else {
                        client.aggregates();
                    }
                })
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.kind()).isEqualTo(Kind.MALFORMED));
    }

    private static String filled(String text) {
        return text.replace("\"S\"", "\"" + SERVER + "\"")
                .replace("\"G\"", "\"" + GROUP + "\"")
                .replace("/S", "/" + SERVER)
                .replace("/G", "/" + GROUP);
    }

    @Test
    void aRefusedTokenIsRenewedOnce() throws Exception {
        WIRE.stubFor(any(anyUrl()).willReturn(aResponse().withStatus(401)));
        WIRE.stubFor(get(urlEqualTo("/v2.1/os-aggregates"))
                .withHeader("X-Auth-Token", equalTo("token-2"))
                .willReturn(okJson("{\"aggregates\":[]}")));

        assertThat(client().aggregates()).isEmpty();
    }
}
