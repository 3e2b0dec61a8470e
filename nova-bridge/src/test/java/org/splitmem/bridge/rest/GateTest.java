package org.splitmem.bridge.rest;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.gate.AddressRange;
import org.splitmem.bridge.migration.Cloud;
import org.splitmem.model.Json;

/** Behind a proxy, beside a listener for operators, and with an audit log. */
class GateTest extends ApiFixture {
    private final ListAppender<ILoggingEvent> audit = new ListAppender<>();
    private @Nullable Level before;

    @Override
    List<AddressRange> proxies() {
        return List.of(AddressRange.parse("127.0.0.0/8"), AddressRange.parse("10.0.0.0/8"));
    }

    @Override
    Integer adminPort() {
        return 0;
    }

    private static Logger auditLog() {
        return (Logger) LoggerFactory.getLogger("audit");
    }

    @BeforeEach
    void listen() {
        before = auditLog().getLevel();
        auditLog().setLevel(Level.INFO);
        auditLog().setAdditive(false);
        audit.start();
        auditLog().addAppender(audit);
    }

    @AfterEach
    void leave() {
        auditLog().detachAppender(audit);
        auditLog().setAdditive(true);
        auditLog().setLevel(before);
    }

    private List<JsonNode> audited() {
        List<JsonNode> lines = new ArrayList<>();
        audit.list.forEach(event -> lines.add(Json.read(event.getFormattedMessage(), JsonNode.class)));
        return lines;
    }

    @Test
    void eachChangeLeavesALineThatSaysWhoAndWhatAndFromWhere() throws Exception {
        HttpResponse<String> made =
                call("nova", "POST", "/v1/migrations", MIGRATION, "X-Forwarded-For", "192.0.2.7, 10.0.0.1");
        String id = json(made).path("migration").path("id").asText();
        call("theirs", "DELETE", "/v1/migrations/" + id, "");
        call("nova", "POST", "/v1/migrations/none\u00e9/start", "");
        call("nova", "GET", "/v1/migrations", "");
        call("nova", "POST", "/v1/plans", MIGRATION);

        assertThat(audited()).hasSize(3);
        JsonNode first = audited().get(0);
        assertThat(first.path("request").asText())
                .isEqualTo(made.headers().firstValue("X-Openstack-Request-Id").orElseThrow());
        assertThat(first.path("action").asText()).isEqualTo("splitmem:migrations:create");
        assertThat(first.path("object").asText()).isEqualTo("migration " + id + " of instance " + Cloud.VM);
        assertThat(first.path("user_id").asText()).isEqualTo("u");
        assertThat(first.path("project_id").asText()).isEqualTo("project");
        assertThat(first.path("roles").toString()).isEqualTo("[\"service\"]");
        assertThat(first.path("from").asText()).isEqualTo("192.0.2.7");
        assertThat(first.path("status").asInt()).isEqualTo(201);
        JsonNode second = audited().get(1);
        assertThat(second.path("status").asInt()).isEqualTo(403);
        assertThat(second.path("reason").asText()).isEqualTo("forbidden");
        assertThat(second.path("path").asText()).isEqualTo("/v1/migrations/" + id);
        assertThat(audited().get(2).path("reason").asText()).isEqualTo("migration-not-found");
    }

    /** Nova's id joins its log, ours and the hosts'. */
    @Test
    void theRequestOfTheCallerIsLoggedAndSentOnAndOnlyIfItIsOne() throws Exception {
        String novas = "req-07e40000-0000-4000-8000-00000000000b";
        HttpResponse<String> made = call("nova", "POST", "/v1/migrations", MIGRATION, "X-Openstack-Request-Id", novas);
        String own = made.headers().firstValue("X-Openstack-Request-Id").orElseThrow();

        assertThat(own).isNotEqualTo(novas);
        assertThat(audited().get(0).path("request").asText()).isEqualTo(own);
        assertThat(audited().get(0).path("global").asText()).isEqualTo(novas);
        assertThat(json(made).at("/migration/request_id").asText()).isEqualTo(novas);
        assertThat(cloud.hosts.requestId("h3", "GET /v1/host")).isEqualTo(novas);

        call("nova", "DELETE", "/v1/migrations/none", "", "X-Openstack-Request-Id", "req-1 forged");
        assertThat(audited()).hasSize(2);
        assertThat(audited().get(1).has("global")).isFalse();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "X-Forwarded-Proto: https; X-Forwarded-Host: cloud.example | https://cloud.example/v1",
                "X-Forwarded-Proto: https; X-Forwarded-Host: cloud.example; X-Forwarded-Port: 8443; X-Forwarded-Prefix: /split | https://cloud.example:8443/split/v1",
                "X-Forwarded-Host: cloud.example:81; X-Forwarded-Port: 80 | http://cloud.example/v1",
                "Forwarded: for=192.0.2.7;proto=https;host=\"cloud.example:444\" | https://cloud.example:444/v1",
                "Forwarded: proto=https;host=a.example, proto=http;host=b.example | https://a.example/v1",
                "X-Forwarded-Proto: javascript; X-Forwarded-Host: a/b; X-Forwarded-Port: x; X-Forwarded-Prefix: //evil | HERE/v1",
            })
    void linksAreAsTheClientSeesTheService(String headers, String link) throws Exception {
        String[] pairs = headers.split("; ");
        List<String> all = new ArrayList<>();
        for (String pair : pairs) {
            all.add(pair.substring(0, pair.indexOf(": ")));
            all.add(pair.substring(pair.indexOf(": ") + 2));
        }

        JsonNode versions = json(call("", "GET", "/", "", all.toArray(new String[0])));

        assertThat(versions.at("/versions/0/links/0/href").asText())
                .isEqualTo(link.replace("HERE", "http://127.0.0.1:" + server.port()));
    }

    @Test
    void theNextPageIsWhereTheClientIs() throws Exception {
        for (int i = 0; i < 2; i++) {
            call("nova", "DELETE", "/v1/migrations/" + planned(), "");
        }

        JsonNode page = json(call(
                "nova",
                "GET",
                "/v1/migrations?limit=1",
                "",
                "X-Forwarded-Host",
                "cloud.example",
                "X-Forwarded-Prefix",
                "/split"));

        assertThat(page.at("/migrations_links/0/href").asText())
                .startsWith("http://cloud.example/split/v1/migrations?")
                .contains("limit=1", "marker=");
    }

    private HttpResponse<String> callAdmin(String token, String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.adminPort() + path))
                .header("X-Auth-Token", token)
                .build();
        return client.send(request, HttpResponse.BodyHandlers.ofString());
    }

    @Test
    void theOperatorsListenerServesThemAndHealthAlone() throws Exception {
        assertThat(callAdmin("none", "/healthz").statusCode()).isEqualTo(200);
        assertThat(callAdmin("nova", "/v1/hosts").statusCode()).isEqualTo(200);
        assertError(callAdmin("theirs", "/v1/migrations"), 403, "forbidden");
    }

    @Test
    void aPathThatIsWrittenOtherwiseIsNoWayAroundTheGate() throws Exception {
        for (String path : List.of(
                "/v1/%6digrations",
                "/v1//migrations", "/v1/./migrations", "/x/../v1/migrations", "/v1/migrations;a=b")) {
            HttpResponse<String> answer = call("", "GET", path, "");
            assertThat(answer.statusCode()).as(path).isIn(400, 401, 404);
            assertThat(answer.body()).as(path).doesNotContain("\"migrations\"");
        }
    }
}
