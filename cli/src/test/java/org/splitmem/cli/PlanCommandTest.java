package org.splitmem.cli;

import static com.github.tomakehurst.wiremock.client.WireMock.aResponse;
import static com.github.tomakehurst.wiremock.client.WireMock.equalTo;
import static com.github.tomakehurst.wiremock.client.WireMock.equalToJson;
import static com.github.tomakehurst.wiremock.client.WireMock.matchingJsonPath;
import static com.github.tomakehurst.wiremock.client.WireMock.okJson;
import static com.github.tomakehurst.wiremock.client.WireMock.post;
import static com.github.tomakehurst.wiremock.client.WireMock.postRequestedFor;
import static com.github.tomakehurst.wiremock.client.WireMock.urlPathEqualTo;
import static com.github.tomakehurst.wiremock.core.WireMockConfiguration.wireMockConfig;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.tomakehurst.wiremock.client.ResponseDefinitionBuilder;
import com.github.tomakehurst.wiremock.http.Fault;
import com.github.tomakehurst.wiremock.junit5.WireMockExtension;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.model.Json;

class PlanCommandTest {
    private static final String SPLIT = "{\"plan\":{\"mode\":\"split\",\"sub_hosts\":[{\"host\":\"h3\",\"mb\":200},"
            + "{\"host\":\"h4\",\"mb\":56}],\"message\":\"256 MB on h2, the rest on 2 sub-hosts\",\"explanation\":["
            + "\"h1: is the source; 512 MB unclaimed\",\"h3: chosen; 1000 MB unclaimed, link 10000 Mbit/s\","
            + "\"h5: not well (no connection: to h5); 0 MB unclaimed\"]}}";
    private static final String REFUSED =
            "{\"plan\":{\"mode\":\"refused\",\"sub_hosts\":[],\"reason\":\"no-sub-hosts\","
                    + "\"message\":\"no sub-hosts for 256 MB\",\"explanation\":[\"h3: with nothing left to lend; 0 MB to lend\"]}}";

    @RegisterExtension
    static final WireMockExtension CLOUD = WireMockExtension.newInstance()
            .options(wireMockConfig().dynamicPort())
            .build();

    private final Cli cli = new Cli();

    @BeforeEach
    void begin() {
        cli.environment.put("OS_TOKEN", "t0ken");
        cli.environment.put("SPLITMEM_BRIDGE", CLOUD.baseUrl());
        answers(okJson(SPLIT));
    }

    private static void answers(ResponseDefinitionBuilder answer) {
        CLOUD.stubFor(post(urlPathEqualTo("/v1/plans")).willReturn(answer));
    }

    private int plan(String... more) {
        List<String> args =
                new ArrayList<>(List.of("plan", "--destination", "h2", "--ram-mb", "512", "--main-mb", "256"));
        args.addAll(List.of(more));
        return cli.run(args.toArray(String[]::new));
    }

    private void signsIn(String catalog) {
        cli.environment.remove("OS_TOKEN");
        cli.environment.put("OS_AUTH_URL", CLOUD.baseUrl() + "/v3/");
        cli.environment.put("OS_USERNAME", "admin");
        cli.environment.put("OS_PASSWORD", "s3cret");
        cli.environment.put("OS_PROJECT_NAME", "cloud");
        CLOUD.stubFor(post(urlPathEqualTo("/v3/auth/tokens"))
                .willReturn(aResponse()
                        .withStatus(201)
                        .withHeader("X-Subject-Token", "fresh")
                        .withBody("{\"token\":{\"catalog\":" + catalog + "}}")));
    }

    @Test
    void aPlanIsATableOfWhatGoesWhere() {
        assertThat(plan()).isZero();

        assertThat(cli.out()).isEqualTo("""
                        split: 256 MB on h2, the rest on 2 sub-hosts

                        HOST  ROLE        MB
                        h2    main host  256
                        h3    sub-host   200
                        h4    sub-host    56
                        """);
        assertThat(cli.err()).isEmpty();
    }

    @Test
    void explainedItSaysOfEachHostWhy() {
        assertThat(plan("--explain")).isZero();

        assertThat(cli.out()).endsWith("""

                        HOST  WHY, OR WHY NOT
                        h1    is the source; 512 MB unclaimed
                        h3    chosen; 1000 MB unclaimed, link 10000 Mbit/s
                        h5    not well (no connection: to h5); 0 MB unclaimed
                        """);
    }

    @Test
    void aWholeVmIsAllOnItsMainHost() {
        answers(okJson("{\"plan\":{\"mode\":\"whole\",\"sub_hosts\":[],\"message\":\"512 MB whole on h2: it has 900 MB"
                + " free\",\"explanation\":[]}}"));

        assertThat(plan("--explain")).isZero();

        assertThat(cli.out()).isEqualTo("""
                        whole: 512 MB whole on h2: it has 900 MB free

                        HOST  ROLE        MB
                        h2    main host  512

                        no sub-hosts were looked for
                        """);
    }

    @Test
    void whatIsAskedIsWhatWasGiven() {
        assertThat(plan(
                        "--source",
                        "h1",
                        "--instance",
                        Infos.UUID,
                        "--extra-spec",
                        "splitmem:mode=always",
                        "--extra-spec",
                        "a=b=c"))
                .isZero();

        CLOUD.verify(postRequestedFor(urlPathEqualTo("/v1/plans"))
                .withHeader("X-Auth-Token", equalTo("t0ken"))
                .withHeader("OpenStack-API-Version", equalTo("split-migration 1.0"))
                .withRequestBody(equalToJson("{\"instance_uuid\":\"" + Infos.UUID
                        + "\",\"source\":\"h1\",\"destination\":\"h2\",\"ram_mb\":512,\"main_mb\":256,\"extra_specs\":"
                        + "{\"splitmem:enabled\":\"true\",\"splitmem:mode\":\"always\",\"a\":\"b=c\"}}")));
    }

    /** It waits for 60 s: with less for the bridge, that says which service was too slow. */
    @Test
    void theBridgeHasLessTimeThanThereIs() {
        assertThat(plan()).isZero();

        CLOUD.verify(postRequestedFor(urlPathEqualTo("/v1/plans")).withHeader("X-Splitmem-Timeout", equalTo("55")));
    }

    @Test
    void aStartHasNoSource() {
        assertThat(plan("--extra-spec", "splitmem:enabled=false")).isZero();

        CLOUD.verify(postRequestedFor(urlPathEqualTo("/v1/plans"))
                .withRequestBody(equalToJson("{\"destination\":\"h2\",\"ram_mb\":512,\"main_mb\":256,\"extra_specs\":"
                        + "{\"splitmem:enabled\":\"false\"}}")));
    }

    @Test
    void programsGetThePlanItself() {
        assertThat(plan("--json")).isZero();

        assertThat(cli.out()).hasLineCount(1);
        assertThat(Json.read(cli.out(), JsonNode.class))
                .isEqualTo(Json.read(SPLIT, JsonNode.class).path("plan"));
    }

    @Test
    void aRefusalIsAFailureThatCanBeExplained() {
        answers(okJson(REFUSED));

        assertThat(plan("--explain")).isEqualTo(1);

        assertThat(cli.out()).isEqualTo("HOST  WHY, OR WHY NOT\nh3    with nothing left to lend; 0 MB to lend\n");
        assertThat(cli.err()).isEqualTo("splitmem: refused, no-sub-hosts: no sub-hosts for 256 MB\n");
    }

    @Test
    void programsGetTheRefusalToo() {
        answers(okJson(REFUSED));

        assertThat(plan("--json")).isEqualTo(1);

        assertThat(cli.out()).contains("\"reason\":\"no-sub-hosts\"");
    }

    @Test
    void withAPasswordItSignsInAndFindsTheBridge() {
        signsIn(
                "[{\"type\":\"compute\",\"endpoints\":[{\"interface\":\"public\",\"region_id\":\"one\",\"url\":\"http://nova\"}]},"
                        + "{\"type\":\"split-migration\",\"endpoints\":["
                        + "{\"interface\":\"internal\",\"region_id\":\"two\",\"url\":\"http://elsewhere.invalid\"},"
                        + "{\"interface\":\"internal\",\"region_id\":\"one\",\"url\":\"" + CLOUD.baseUrl() + "/\"}]}]");
        cli.environment.remove("SPLITMEM_BRIDGE");
        cli.environment.put("OS_REGION_NAME", "one");

        assertThat(plan()).as(cli.err()).isZero();

        CLOUD.verify(postRequestedFor(urlPathEqualTo("/v1/plans")).withHeader("X-Auth-Token", equalTo("fresh")));
        CLOUD.verify(postRequestedFor(urlPathEqualTo("/v3/auth/tokens"))
                .withRequestBody(
                        equalToJson("{\"auth\":{\"identity\":{\"methods\":[\"password\"],\"password\":{\"user\":"
                                + "{\"name\":\"admin\",\"password\":\"s3cret\",\"domain\":{\"name\":\"Default\"}}}},"
                                + "\"scope\":{\"project\":{\"name\":\"cloud\",\"domain\":{\"name\":\"Default\"}}}}}")));
    }

    @Test
    void theScopeMayBeTheSystemAndDomainsMayBeIds() {
        signsIn("[]");
        cli.environment.put("OS_SYSTEM_SCOPE", "all");
        cli.environment.put("OS_USER_DOMAIN_ID", "d1");

        assertThat(plan()).as(cli.err()).isZero();

        CLOUD.verify(postRequestedFor(urlPathEqualTo("/v3/auth/tokens"))
                .withRequestBody(matchingJsonPath("$.auth.scope.system.all", equalTo("true")))
                .withRequestBody(matchingJsonPath("$.auth.identity.password.user.domain.id", equalTo("d1"))));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "401 | {\"error\":{\"message\":\"it has ended\"}}     | does not accept the token: it has ended",
                "403 | {\"error\":{\"message\":\"needs a role\"}}     | does not let you ask for plans: needs a role",
                "400 | {\"error\":{\"message\":\"main_mb is wrong\"}} | makes no plan: main_mb is wrong",
                "409 | {\"error\":{\"message\":\"no host h9\"}}       | makes no plan: no host h9",
                "503 | {\"error\":{\"message\":\"no Placement\"}}     | makes no plan: no Placement",
                "502 | <html>Bad Gateway</html>                   | answered HTTP status 502 without the JSON of nova-bridge",
                "404 | {}                                         | answered HTTP status 404 without the JSON of nova-bridge",
                "200 | welcome                                    | answered HTTP status 200 without the JSON of nova-bridge",
                "200 | [1]                                        | answered HTTP status 200 without the JSON of nova-bridge",
                "200 | {\"servers\":[]}                               | answered without a plan: is the URL right?",
            })
    void whatTheBridgeAnswersBadlyIsOneLineAndStatusOne(int status, String body, String message) {
        answers(aResponse().withStatus(status).withBody(body));

        assertThat(plan()).isEqualTo(1);

        assertThat(cli.err())
                .hasLineCount(1)
                .startsWith("splitmem: nova-bridge at " + CLOUD.baseUrl() + " ")
                .contains(message);
        assertThat(cli.out()).isEmpty();
    }

    @Test
    void aPasswordThatIsWrongIsKeystonesWord() {
        signsIn("[]");
        CLOUD.stubFor(post(urlPathEqualTo("/v3/auth/tokens"))
                .willReturn(aResponse()
                        .withStatus(401)
                        .withBody("{\"error\":{\"message\":\"The request you have made requires authentication.\"}}")));

        assertThat(plan()).isEqualTo(1);

        assertThat(cli.err())
                .isEqualTo("splitmem: Keystone at " + CLOUD.baseUrl()
                        + " does not let admin in: The request you have made requires authentication.\n");
    }

    @Test
    void aCatalogWithoutABridgeIsSaid() {
        signsIn("[]");
        cli.environment.remove("SPLITMEM_BRIDGE");

        assertThat(plan()).isEqualTo(1);

        assertThat(cli.err())
                .contains("catalog has no endpoint of a service of type split-migration: say --bridge URL");
    }

    @Test
    void whatIsMissingIsNamed() {
        cli.environment.remove("SPLITMEM_BRIDGE");
        assertThat(plan()).isEqualTo(1);
        assertThat(cli.err())
                .contains("no nova-bridge given: say --bridge URL, or let it be found in Keystone's catalog by setting"
                        + " OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME\n");

        cli.environment.remove("OS_TOKEN");
        cli.environment.put("OS_AUTH_URL", "http://k");
        assertThat(plan("--bridge", CLOUD.baseUrl())).isEqualTo(1);
        assertThat(cli.err())
                .contains(
                        "no token for nova-bridge: set OS_TOKEN, or OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME to sign in");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "http://127.0.0.1:1     | cannot talk to nova-bridge at http://127.0.0.1:1: no connection",
                "http://nowhere.invalid | cannot talk to nova-bridge at http://nowhere.invalid: ",
                "controller:8790        | has to be a URL, as http://controller:8790, not 'controller:8790'",
                "http://a b             | has to be a URL, as http://controller:8790, not 'http://a b'",
            })
    void aBridgeThatIsNotThereIsOneLine(String url, String message) {
        assertThat(plan("--bridge", url)).isEqualTo(1);

        assertThat(cli.err()).hasLineCount(1).contains(message);
    }

    @Test
    void anAnswerThatBreaksOffIsSaid() {
        answers(aResponse().withFault(Fault.MALFORMED_RESPONSE_CHUNK));

        assertThat(plan()).isEqualTo(1);

        assertThat(cli.err()).hasLineCount(1).startsWith("splitmem: cannot talk to nova-bridge at ");
    }
}
