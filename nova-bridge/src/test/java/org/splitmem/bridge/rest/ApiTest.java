package org.splitmem.bridge.rest;

import static com.github.tomakehurst.wiremock.client.WireMock.aResponse;
import static com.github.tomakehurst.wiremock.client.WireMock.any;
import static com.github.tomakehurst.wiremock.client.WireMock.anyUrl;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.daemon.FakeHosts;
import org.splitmem.bridge.migration.Cloud;
import org.splitmem.events.Event;
import org.splitmem.events.cloud.CloudJson;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationPhase;

/** The API over HTTP. */
class ApiTest extends ApiFixture {
    @ParameterizedTest
    @CsvSource({
        "true, PRECOPY, true",
        "false, PRECOPY, false",
        "false, READY, false",
        ", PRECOPY, false",
        ", READY, true"
    })
    void whenTheHypervisorMayStartIsTheDaemonsWord(Boolean said, MigrationPhase phase, boolean told) throws Exception {
        String id = planned();
        assertThat(mayStart(id)).isFalse();
        call("nova", "POST", "/v1/migrations/" + id + "/start", "");
        cloud.hosts.hypervisorMayStart = said; // nothing, as an earlier daemon

        cloud.hosts.phase("h1", phase, "copying");

        assertThat(mayStart(id)).isEqualTo(told);
    }

    private boolean mayStart(String id) throws Exception {
        JsonNode shown = json(call("nova", "GET", "/v1/migrations/" + id, ""))
                .path("migration")
                .path("hypervisor_may_start");
        assertThat(shown.isBoolean()).isTrue();
        return shown.asBoolean();
    }

    @Test
    void aMigrationFromItsPlanToItsEnd() throws Exception {
        String id = planned();
        JsonNode plan = json(call("nova", "GET", "/v1/migrations/" + id, "")).path("migration");
        assertThat(plan.path("status").asText()).isEqualTo("planned");
        assertThat(plan.path("sub_hosts").toString()).isEqualTo("[{\"host\":\"h3\",\"mb\":256}]");
        assertThat(plan.path("budget_mb").asLong()).isEqualTo(256);

        assertThat(call("nova", "POST", "/v1/migrations/" + id + "/start", "").statusCode())
                .isEqualTo(202);
        cloud.hosts.phase("h1", MigrationPhase.PRECOPY, "copying");
        JsonNode running = json(call("nova", "GET", "/v1/migrations/" + id, "")).path("migration");
        assertThat(running.path("phase").asText()).isEqualTo("PRECOPY");
        assertThat(running.path("memory_total_bytes").asLong()).isEqualTo(1000);
        assertThat(running.path("memory_processed_bytes").asLong()).isEqualTo(600);
        assertThat(running.path("memory_remaining_bytes").asLong()).isEqualTo(400);
        assertThat(running.path("eta_seconds").asLong()).isEqualTo(8);
        assertThat(call("nova", "POST", "/v1/migrations/" + id + "/force-complete", "")
                        .statusCode())
                .isEqualTo(202);

        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        JsonNode done = json(call("nova", "GET", "/v1/migrations/" + id, "")).path("migration");
        assertThat(done.path("status").asText()).isEqualTo("completed");
        assertThat(done.path("downtime_ms").asDouble()).isEqualTo(7.5);
        assertThat(json(call("nova", "GET", "/v1/migrations?status=completed&instance_uuid=" + Cloud.VM, ""))
                        .path("migrations"))
                .hasSize(1);
        assertError(call("nova", "POST", "/v1/migrations/" + id + "/start", ""), 409, "not-planned");
    }

    @Test
    void aSplitVmMigratesToOneOfItsSubHostsIfAnotherTakesWhatThatKeeps() throws Exception {
        cloud.hosts.runsSplit("h1", Cloud.VM, 512, Map.of("h2", 256L));
        cloud.placement.host("h2", 256, true).host("h3", 100, true);
        cloud.placement.unclaim(Consumers.of(Cloud.VM));
        cloud.placement.claim(Consumers.of(Cloud.VM), "SPLITMEM", "h2", 256);
        assertError(call("nova", "POST", "/v1/migrations", migration()), 409, "no-sub-hosts");
        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 256L));
        cloud.placement.host("h3", 256, true);

        String id = planned();

        JsonNode plan = json(call("nova", "GET", "/v1/migrations/" + id, "")).path("migration");
        assertThat(plan.path("sub_hosts").toString()).isEqualTo("[{\"host\":\"h3\",\"mb\":256}]");
        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 256L, "h3", 256L));
        call("nova", "DELETE", "/v1/migrations/" + id, "");
        assertThat(cloud.booked()).isEqualTo(Map.of("h2", 256L));
    }

    @Test
    void migrationsComeInPagesThatLinkToTheNextAndOnlyTheOnesAskedFor() throws Exception {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            ids.add(0, planned());
            call("nova", "DELETE", "/v1/migrations/" + ids.get(0), "");
            cloud.pass(Duration.ofSeconds(1));
        }

        List<String> paged = new ArrayList<>();
        String path = "/v1/migrations?limit=2&status=aborted";
        while (!path.isEmpty()) {
            HttpResponse<String> page = call("theirs", "GET", path, "");
            assertThat(page.statusCode()).as(page.body()).isEqualTo(200);
            json(page).path("migrations").forEach(m -> paged.add(m.path("id").asText()));
            JsonNode link = json(page).path("migrations_links").path(0);
            path = link.path("href").asText("").replaceFirst("http://[^/]+", "");
        }

        assertThat(paged).isEqualTo(ids);
        assertThat(json(call("nova", "GET", "/v1/migrations?source=h2", "")).path("migrations"))
                .isEmpty();
        assertThat(json(call("nova", "GET", "/v1/migrations?source=h1", "")).path("migrations"))
                .hasSize(3);
        assertError(call("theirs", "GET", "/v1/migrations?source=h1", ""), 403, "forbidden");
        assertError(call("others", "GET", "/v1/migrations?marker=" + ids.get(0), ""), 400, "invalid-parameter");
    }

    @Test
    void anAbort() throws Exception {
        String id = planned();

        HttpResponse<String> answer = call("nova", "DELETE", "/v1/migrations/" + id, "");

        assertThat(answer.statusCode()).isEqualTo(202);
        assertThat(json(answer).path("migration").path("status").asText()).isEqualTo("aborted");
    }

    @Test
    void aPlacementAndItsRelease() throws Exception {
        String body = "{\"name\":\"db1\",\"host\":\"h2\",\"ram_mb\":512,\"main_mb\":256,"
                + "\"extra_specs\":{\"splitmem:enabled\":\"true\"},\"project_id\":\"project\",\"user_id\":\"user\"}";

        HttpResponse<String> answer = call("nova", "PUT", "/v1/vms/" + Cloud.VM + "/placement", body);

        assertThat(answer.body())
                .isEqualTo("{\"placement\":{\"mode\":\"split\",\"budget_mb\":256,"
                        + "\"sub_hosts\":[{\"host\":\"h1\",\"mb\":256}]}}");
        assertThat(call("nova", "DELETE", "/v1/vms/" + Cloud.VM + "/placement", "")
                        .statusCode())
                .isEqualTo(204);
    }

    @Test
    void aPlacementSaysWhichDeadHostTheVmIsEvacuatedFrom() throws Exception {
        cloud.hosts.mood("h1", FakeHosts.Mood.DOWN);
        String body = "{\"name\":\"db1\",\"host\":\"h3\",\"ram_mb\":512,\"main_mb\":256,"
                + "\"extra_specs\":{\"splitmem:enabled\":\"true\"},\"project_id\":\"project\",\"user_id\":\"user\"%s}";
        String path = "/v1/vms/" + Cloud.VM + "/placement";

        assertThat(call("nova", "PUT", path, body.formatted("")).statusCode()).isEqualTo(200);
        assertThat(cloud.hosts.fences()).as("of an ordinary start").isEmpty();
        assertThat(call("nova", "PUT", path, body.formatted(",\"evacuated_from\":\"h1\""))
                        .statusCode())
                .isEqualTo(200);

        assertThat(cloud.hosts.fences()).containsExactly("h1 " + Cloud.VM);
    }

    /** Anybody can send these headers: only a proxy of ours is believed. */
    @ParameterizedTest
    @CsvSource({"X-Forwarded-Host, evil.example", "X-Forwarded-Prefix, /evil", "Forwarded, host=evil.example"})
    void linksAreNotAsAClientWantsThem(String header, String value) throws Exception {
        JsonNode versions = json(call("", "GET", "/", "", header, value));

        assertThat(versions.at("/versions/0/links/0/href").asText())
                .isEqualTo("http://127.0.0.1:" + server.port() + "/v1");
    }

    @Test
    void aDryRunExplainsAndBooksNothing() throws Exception {
        int before = cloud.placement.consumers();
        cloud.placement.host("h2", 356, true);

        JsonNode plan = json(call("nova", "POST", "/v1/plans", MIGRATION)).path("plan");

        assertThat(plan.path("mode").asText()).isEqualTo("split");
        assertThat(plan.path("explanation").toString())
                .contains("h3: chosen", "h1: is the source", "h2: is the main host");
        assertThat(cloud.placement.consumers()).isEqualTo(before);
    }

    @Test
    void aStartCanBePlannedDryWithoutNamingTheVm() throws Exception {
        String start = "{\"destination\":\"h2\",\"ram_mb\":512,\"main_mb\":256,"
                + "\"extra_specs\":{\"splitmem:enabled\":\"true\",\"splitmem:max_sub_hosts\":\"1\"}}";
        cloud.placement.host("h2", 356, true);

        JsonNode plan = json(call("nova", "POST", "/v1/plans", start)).path("plan");

        assertThat(plan.path("mode").asText()).isEqualTo("split");
        assertThat(plan.path("explanation").toString())
                .contains("h2: is the main host")
                .doesNotContain("the source");
        assertError(call("nova", "POST", "/v1/plans", MIGRATION.replace("\"h2\"", "\"h1\"")), 400, "same-host");
    }

    private String migrated() throws Exception {
        String id = planned();
        call("nova", "POST", "/v1/migrations/" + id + "/start", "");
        cloud.hosts.phase("h1", MigrationPhase.DONE, "done");
        call("nova", "GET", "/v1/migrations/" + id, "");
        history.write();
        return id;
    }

    private List<Event> events(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        List<Event> events = new ArrayList<>();
        json(answer).path("events").forEach(event -> events.add(CloudJson.read(Json.writeBytes(event))));
        return events;
    }

    @Test
    void theEventsOfAMigrationAreListedInTheirOrder() throws Exception {
        String id = migrated();

        List<Event> events = events(call("nova", "GET", "/v1/events", ""));

        assertThat(events)
                .extracting(event -> event.kind() + event.data().path("phase").asText())
                .containsExactly(
                        "planned",
                        "changed",
                        "phasePLANNED",
                        "phasePRECOPY",
                        "phaseREADY",
                        "phaseSWITCHOVER",
                        "phaseHANDOVER",
                        "outcomeDONE",
                        "changed");
        assertThat(events.get(0).data().path("migrationId").asText()).isEqualTo(id);
        assertThat(events.get(0).data().path("explanation").toString()).contains("h3: chosen");
    }

    @Test
    void eventsComeInPagesThatLinkToTheNext() throws Exception {
        migrated();
        List<Event> all = events(call("nova", "GET", "/v1/events", ""));
        List<Event> paged = new ArrayList<>();
        int pages = 0;

        String path = "/v1/events?limit=4&since=2026-11-21T12:00:00%2B00:00&instance_uuid=" + Cloud.VM;
        while (!path.isEmpty()) {
            HttpResponse<String> page = call("nova", "GET", path, "");
            paged.addAll(events(page));
            pages++;
            JsonNode link = json(page).path("events_links").path(0);
            assertThat(link.path("rel").asText("next")).isEqualTo("next");
            path = link.path("href").asText("").replaceFirst("http://[^/]+", "");
        }

        assertThat(paged).isEqualTo(all);
        assertThat(pages).isEqualTo(3);
        assertThat(events(call("nova", "GET", "/v1/events?since=2026-11-21T12:00:01", "")))
                .isEmpty();
        assertThat(events(call("nova", "GET", "/v1/events?instance_uuid=" + new java.util.UUID(1, 1), "")))
                .isEmpty();
    }

    @Test
    void readersSeeTheirProjectsEventsWithoutWhatTheySayOfAllHosts() throws Exception {
        migrated();
        List<Event> all = events(call("nova", "GET", "/v1/events", ""));

        List<Event> theirs = events(call("theirs", "GET", "/v1/events", ""));

        assertThat(theirs)
                .extracting(Event::id)
                .isEqualTo(all.stream().map(Event::id).toList());
        assertThat(theirs.get(0).data().has("allocations")).isTrue();
        assertThat(theirs).noneMatch(event -> event.data().has("explanation"));
        assertThat(events(call("others", "GET", "/v1/events", ""))).isEmpty();
        String marker = java.net.URLEncoder.encode(all.get(0).id(), java.nio.charset.StandardCharsets.UTF_8);
        assertThat(events(call("theirs", "GET", "/v1/events?marker=" + marker, "")))
                .hasSize(all.size() - 1);
        assertError(call("others", "GET", "/v1/events?marker=" + marker, ""), 400, "invalid-parameter");
        assertError(call("guest", "GET", "/v1/events", ""), 403, "forbidden");
    }

    @Test
    void withoutSubHostsTheConflictSaysWhy() throws Exception {
        cloud.hosts.lends("h3", 0);

        HttpResponse<String> answer = call("nova", "POST", "/v1/migrations", MIGRATION);

        assertError(answer, 409, "no-sub-hosts");
        assertThat(answer.body()).contains("1 with nothing left to lend (h3)");
    }

    @Test
    void hostsAndVms() throws Exception {
        JsonNode hosts = json(call("nova", "GET", "/v1/hosts", "")).path("hosts");
        assertThat(hosts).hasSize(3);
        assertThat(hosts.path(2).path("unclaimed_mb").asLong()).isEqualTo(1000);

        JsonNode vm = shown();
        assertThat(vm.path("host").asText()).isEqualTo("h1");
        assertThat(vm.path("state").asText()).isEqualTo("LOCAL");
        assertError(call("nova", "GET", "/v1/vms/" + new java.util.UUID(1, 1), ""), 404, "vm-not-found");

        cloud.hosts.stops("h1", Cloud.VM);
        cloud.hosts.expects("h1", Cloud.VM, "h3");
        assertThat(shown().path("state").asText()).isEqualTo("EXPECTED");
        cloud.hosts.runs("h2", Cloud.VM, 512);
        assertThat(shown().path("host").asText()).isEqualTo("h2");
    }

    private JsonNode shown() throws Exception {
        return json(call("nova", "GET", "/v1/vms/" + Cloud.VM, "")).path("vm");
    }

    @Test
    void readersSeeTheirProjectsOwnAndChangeNothing() throws Exception {
        String id = planned();

        HttpResponse<String> shown = call("theirs", "GET", "/v1/migrations/" + id, "");
        assertThat(shown.statusCode()).isEqualTo(200);
        assertThat(json(shown).path("migration").has("reason")).isFalse();
        assertThat(json(call("theirs", "GET", "/v1/migrations", "")).path("migrations"))
                .hasSize(1)
                .noneMatch(migration -> migration.has("reason"));
        assertThat(json(call("nova", "GET", "/v1/migrations/" + id, ""))
                        .path("migration")
                        .has("reason"))
                .isTrue();
        assertThat(json(call("theirs", "GET", "/v1/vms", "")).path("vms")).hasSize(1);
        assertError(call("others", "GET", "/v1/migrations/" + id, ""), 404, "migration-not-found");
        assertThat(json(call("others", "GET", "/v1/migrations", "")).path("migrations"))
                .isEmpty();
        assertThat(json(call("others", "GET", "/v1/vms", "")).path("vms")).isEmpty();
        assertError(call("theirs", "GET", "/v1/hosts", ""), 403, "forbidden");
        assertError(call("theirs", "POST", "/v1/plans", MIGRATION), 403, "forbidden");
        assertError(call("theirs", "DELETE", "/v1/migrations/" + id, ""), 403, "forbidden");
        assertError(call("guest", "GET", "/v1/migrations", ""), 403, "forbidden");
    }

    @Test
    void withoutAValidTokenNothingIsAnswered() throws Exception {
        HttpResponse<String> answer = call("", "GET", "/v1/migrations", "");
        assertError(answer, 401, "unauthorized");
        assertThat(answer.headers().firstValue("WWW-Authenticate")).contains("Keystone uri=\"http://keystone\"");
        assertError(call("forged", "GET", "/v1/migrations", ""), 401, "unauthorized");

        KEYSTONE.stubFor(any(anyUrl()).willReturn(aResponse().withStatus(500)));
        assertError(call("unseen", "GET", "/v1/migrations", ""), 503, "keystone-failed");
    }

    @Test
    void withoutPlacementTheErrorIsAServicesNotABug() throws Exception {
        cloud.placement.down(true);

        assertError(call("nova", "POST", "/v1/migrations", MIGRATION), 503, "service-failed");
        assertThat(call("", "GET", "/readyz", "").statusCode()).isEqualTo(503);
        assertThat(call("", "GET", "/healthz", "").statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "split-migration 1.0            | 200",
                "split-migration latest         | 200",
                "compute 2.90                   | 200",
                "compute 2.90,split-migration 1.0 | 200",
                "split-migration 1.7            | 406",
                "split-migration two            | 400",
            })
    void aVersionThatIsNotSupportedIsRefused(String version, int status) throws Exception {
        HttpResponse<String> answer = call("nova", "GET", "/v1/migrations", "", "OpenStack-API-Version", version);

        assertThat(answer.statusCode()).isEqualTo(status);
        assertThat(answer.headers().firstValue("OpenStack-API-Version")).contains("split-migration 1.0");
    }

    @Test
    void everyAnswerNamesItsRequest() throws Exception {
        for (HttpResponse<String> answer :
                List.of(call("nova", "GET", "/v1/migrations", ""), call("", "GET", "/nowhere", ""))) {
            assertThat(answer.headers().firstValue("X-Openstack-Request-Id").orElse(""))
                    .matches("req-[0-9a-f-]{36}");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "POST | /v1/migrations        | {\"colour\":1}                   | 400 | invalid-json",
                "POST | /v1/migrations        | {                                | 400 | invalid-json",
                "POST | /v1/migrations        | ''                               | 400 | invalid-json",
                "GET  | /v1/migrations?status=x | ''                             | 400 | invalid-parameter",
                "GET  | /v1/migrations?limit=1001 | ''                         | 400 | invalid-parameter",
                "GET  | /v1/migrations?marker=x | ''                           | 400 | invalid-parameter",
                "GET  | /v1/events?limit=0    | ''                             | 400 | invalid-parameter",
                "GET  | /v1/events?limit=1001 | ''                             | 400 | invalid-parameter",
                "GET  | /v1/events?since=noon | ''                             | 400 | invalid-parameter",
                "GET  | /v1/events?since=%2B999999999-12-31T00:00:00Z | ''     | 400 | invalid-parameter",
                "GET  | /v1/events?marker=x   | ''                             | 400 | invalid-parameter",
                "GET  | /v1/events?instance_uuid=x | ''                        | 400 | invalid-uuid",
                "GET  | /v1/vms/me            | ''                               | 400 | invalid-uuid",
                "GET  | /v1/migrations?sauce=h1 | ''                           | 400 | invalid-parameter",
                "GET  | /v1/migrations?limit=1&limit=2 | ''                    | 400 | invalid-parameter",
                "GET  | /v1/hosts?name=h1     | ''                             | 400 | invalid-parameter",
                "GET  | /v1/migrations/none   | ''                               | 404 | migration-not-found",
                "PUT  | /v1/migrations        | {}                               | 405 | method-not-allowed",
                "GET  | /v1/nothing           | ''                               | 404 | not-found",
            })
    void wrongRequestsAreRefusedInOpenStacksForm(String method, String path, String body, int status, String reason)
            throws Exception {
        assertError(call("nova", method, path, body), status, reason);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"ram_mb\":512      | \"ram_mb\":512,\"sauce\":1 | unknown field 'sauce'",
                "\"ram_mb\":512      | \"ram_mb\":\"512\"         | field 'ram_mb': must be a whole number",
                "\"ram_mb\":512      | \"ram_mb\":5.5           | field 'ram_mb': must be a whole number",
                "\"name\":\"db1\"    | \"name\":[1]             | field 'name': must be a text",
                "\"name\":\"db1\"    | \"name\":7               | field 'name': must be a text",
                "{\"splitmem:enabled\":\"true\"} | [1]           | field 'extra_specs': must be an object",
                "\"user_id\":\"user\"} | \"instance_uuid\":\"x\"} | Duplicate field 'instance_uuid'",
            })
    void whatIsWrongWithABodyIsSaidWithoutJavasNames(String right, String wrong, String words) throws Exception {
        assertThat(MIGRATION).contains(right);

        HttpResponse<String> answer = call("nova", "POST", "/v1/migrations", MIGRATION.replace(right, wrong));

        assertError(answer, 400, "invalid-json");
        assertThat(json(answer).path("error").path("message").asText())
                .contains(words)
                .doesNotContain("java", "MigrationRequest", "`");
    }

    @Test
    void whatTheDatabaseSaysIsNoAnswer() throws Exception {
        cloud.database.close();

        for (String path : List.of("/v1/migrations", "/v1/events")) {
            HttpResponse<String> answer = call("nova", "GET", path, "");
            assertError(answer, 503, "database-failed");
            assertThat(json(answer).path("error").path("message").asText())
                    .isEqualTo("the database failed; nova-bridge's log says why");
        }
    }

    @Test
    void aFieldThatIsMissingIsNamed() throws Exception {
        HttpResponse<String> answer =
                call("nova", "POST", "/v1/migrations", MIGRATION.replace("\"source\":\"h1\",", ""));

        assertError(answer, 400, "invalid-json");
        assertThat(answer.body()).contains("source is missing");
    }

    @Test
    void anybodyMayAskForVersionsHealthMetricsAndTheDescription() throws Exception {
        assertThat(json(call("", "GET", "/", ""))
                        .path("versions")
                        .path(0)
                        .path("version")
                        .asText())
                .isEqualTo("1.0");
        assertThat(call("", "GET", "/readyz", "").body()).isEqualTo("ok\n");
        assertThat(json(call("", "GET", "/v1/openapi.json", "")).path("openapi").asText())
                .isEqualTo("3.0.3");
        call("nova", "GET", "/v1/migrations", "");
        assertThat(call("", "GET", "/metrics", "").body())
                .contains("splitmem_bridge_requests_seconds_count{method=\"GET\",status=\"200\"}")
                .contains("splitmem_bridge_planning_seconds_bucket")
                .contains("splitmem_bridge_events_waiting 0.0", "splitmem_bridge_events_lost_total 0.0")
                .contains("splitmem_bridge_reconcile_corrections_total")
                .contains("splitmem_bridge_reconcile_last_success");
    }

    @Test
    void whileManyWaitOthersAreAnswered() throws Exception {
        gate = new CountDownLatch(1);
        URI ready = URI.create("http://127.0.0.1:" + server.port() + "/readyz");
        List<CompletableFuture<HttpResponse<String>>> waiting = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            waiting.add(client.sendAsync(HttpRequest.newBuilder(ready).build(), HttpResponse.BodyHandlers.ofString()));
        }

        assertThat(asked.tryAcquire(2, 60, TimeUnit.SECONDS)).isTrue(); // the others wait for these
        assertThat(call("", "GET", "/healthz", "").statusCode()).isEqualTo(200);
        assertThat(call("", "GET", "/metrics", "").statusCode()).isEqualTo(200);
        assertThat(call("nova", "GET", "/v1/migrations", "").statusCode()).isEqualTo(200);

        gate.countDown();
        for (CompletableFuture<HttpResponse<String>> one : waiting) {
            assertThat(one.get(60, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
        }
    }

    @Test
    void methodsThatAreMadeUpAddNothingToTheMetrics() throws Exception {
        for (String method : List.of("X1", "X2", "get")) {
            assertThat(call("", method, "/", "").statusCode()).isEqualTo(405);
        }

        assertThat(call("", "GET", "/metrics", "").body())
                .contains("splitmem_bridge_requests_seconds_count{method=\"other\",status=\"405\"} 3")
                .doesNotContain("method=\"X1\"", "method=\"get\"");
    }
}
