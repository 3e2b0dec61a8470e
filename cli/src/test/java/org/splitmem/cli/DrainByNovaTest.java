package org.splitmem.cli;

import static com.github.tomakehurst.wiremock.client.WireMock.delete;
import static com.github.tomakehurst.wiremock.client.WireMock.equalTo;
import static com.github.tomakehurst.wiremock.client.WireMock.get;
import static com.github.tomakehurst.wiremock.client.WireMock.okJson;
import static com.github.tomakehurst.wiremock.client.WireMock.post;
import static com.github.tomakehurst.wiremock.client.WireMock.postRequestedFor;
import static com.github.tomakehurst.wiremock.client.WireMock.serverError;
import static com.github.tomakehurst.wiremock.client.WireMock.urlPathEqualTo;
import static com.github.tomakehurst.wiremock.core.WireMockConfiguration.wireMockConfig;
import static org.assertj.core.api.Assertions.assertThat;

import com.github.tomakehurst.wiremock.client.ResponseDefinitionBuilder;
import com.github.tomakehurst.wiremock.junit5.WireMockExtension;
import com.github.tomakehurst.wiremock.stubbing.Scenario;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** {@code splitmem drain --nova}. */
@Timeout(30)
class DrainByNovaTest {
    private static final String PATH = "/v1/hosts/h3/drain";
    private static final String EMPTY = drain("EMPTY", 0, "");

    @RegisterExtension
    static final WireMockExtension CLOUD = WireMockExtension.newInstance()
            .options(wireMockConfig().dynamicPort())
            .build();

    private final Cli cli = new Cli();

    private static String drain(String state, long leaving, String vm) {
        return "{\"drain\":{\"host\":\"h3\",\"state\":\"" + state + "\",\"lend_limit_bytes\":1073741824,\"lent_bytes\":"
                + leaving + ",\"held_bytes\":" + leaving + ",\"leaving_bytes\":" + leaving
                + ",\"rate_bytes_per_second\":0,\"leaving\":[" + vm + "]}}";
    }

    private static String vm(boolean moving, String trouble) {
        return "{\"instance_uuid\":\"" + Infos.UUID
                + "\",\"name\":\"db1\",\"main_host\":\"h1\",\"reserved_bytes\":285212672,\"held_bytes\":268435456,\"moving\":"
                + moving + trouble + "}";
    }

    private static ResponseDefinitionBuilder moving() {
        return okJson(drain("DRAINING", 268435456, vm(true, "")));
    }

    @BeforeEach
    void begin() {
        cli.environment.put("OS_TOKEN", "t0ken");
        cli.environment.put("SPLITMEM_BRIDGE", CLOUD.baseUrl());
        CLOUD.stubFor(post(urlPathEqualTo(PATH)).willReturn(moving().withStatus(202)));
    }

    @Test
    void itSaysWhatIsToGo() {
        assertThat(cli.run("drain", "h3", "--nova")).isZero();

        assertThat(cli.out())
                .startsWith("h3 is being drained: 256.0 MiB of 1 VM to go")
                .contains("db1  h1");
        CLOUD.verify(postRequestedFor(urlPathEqualTo(PATH)).withHeader("X-Auth-Token", equalTo("t0ken")));
    }

    @Test
    void itWaitsThoughTheBridgeIsRestartedMeanwhile() {
        CLOUD.stubFor(get(urlPathEqualTo(PATH))
                .inScenario("wait")
                .whenScenarioStateIs(Scenario.STARTED)
                .willReturn(serverError())
                .willSetStateTo("again"));
        CLOUD.stubFor(get(urlPathEqualTo(PATH))
                .inScenario("wait")
                .whenScenarioStateIs("again")
                .willReturn(okJson(EMPTY)));

        assertThat(cli.run("drain", "h3", "--nova", "--wait")).isZero();

        assertThat(cli.out()).startsWith("h3 is empty");
    }

    @Test
    void whatDoesNotMoveHasAReason() {
        String trouble = ",\"trouble\":\"no sub-hosts for 256 MB of a VM on h1\"";
        CLOUD.stubFor(get(urlPathEqualTo(PATH)).willReturn(okJson(drain("DRAINING", 268435456, vm(false, trouble)))));

        assertThat(cli.run("drain", "h3", "--nova", "--wait")).isEqualTo(1);

        assertThat(cli.out()).contains("waiting  no sub-hosts for 256 MB of a VM on h1");
    }

    @Test
    void aDrainIsEnded() {
        CLOUD.stubFor(delete(urlPathEqualTo(PATH)).willReturn(okJson(drain("LENDING", 0, ""))));

        assertThat(cli.run("drain", "h3", "--nova", "--cancel")).isZero();

        assertThat(cli.out()).startsWith("drained no more; h3 lends at most 1.0 GiB");
    }

    @Test
    void aRefusalIsSaidInTheBridgesWords() {
        CLOUD.stubFor(post(urlPathEqualTo(PATH))
                .willReturn(okJson("{\"error\":{\"code\":404,\"message\":\"no host is registered as h3\"}}")
                        .withStatus(404)));

        assertThat(cli.run("drain", "h3", "--nova")).isEqualTo(1);

        assertThat(cli.err()).contains("nova-bridge at", "refuses: no host is registered as h3");
    }

    @Test
    void nobodyElseChooses() {
        assertThat(cli.run("drain", "h3", "--nova", "--to", "h4")).isEqualTo(2);
        assertThat(cli.run("drain", "h3", "--bridge", "http://b")).isEqualTo(2);
    }
}
