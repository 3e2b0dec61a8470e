package org.splitmem.bridge.rest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.daemon.FakeHosts;
import org.splitmem.bridge.gate.Operation;
import org.splitmem.bridge.migration.Cloud;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationPhase;

/** Tenants see of hosts what Nova shows them: a hostId, and no name, wherever it might stand. */
class HostNamesTest extends ApiFixture {
    /** Names that stand nowhere by chance. */
    private static final List<String> CANARIES = List.of("canary-alpha", "canary-beta", "canary-gamma");

    /** hashlib.sha224(b"project" + b"canary-alpha").hexdigest() */
    private static final String ALPHA = "d34a45e9babb139e11e9078e632fcfcb5580c78e89562f0f2336fc73";

    private static String named(String text) {
        return text.replace("\"h1\"", "\"canary-alpha\"").replace("\"h2\"", "\"canary-beta\"");
    }

    @Override
    Cloud newCloud() throws Exception {
        return new Cloud(CANARIES.toArray(new String[0]));
    }

    /** A tenant may then do everything, so that each operation can be tried. */
    @Override
    Map<String, String> overrides() {
        Map<String, String> rules = new java.util.HashMap<>();
        for (Operation operation : Operation.values()) {
            if (operation.rule() != null) {
                rules.put(operation.rule(), "rule:admin_or_service or rule:project_reader");
            }
        }
        return rules;
    }

    private static void assertNamesNoHost(String what, HttpResponse<String> answer) {
        String all = answer.body() + answer.headers().map();
        for (String canary : CANARIES) {
            assertThat(all).as(what).doesNotContain(canary);
        }
        assertThat(all).as(what).doesNotContain("127.0.0.1:" + "7779", "splitmemd GET");
    }

    private List<String> getPaths(String id) {
        List<String> paths = new ArrayList<>();
        for (Operation operation : Operation.values()) {
            boolean isAboutHosts = operation.signature().startsWith("get /v1/hosts"); // who may ask knows them by name
            if (operation.signature().startsWith("get ") && !isAboutHosts) {
                String path = operation.signature().substring("get ".length());
                paths.add(path.replace("{id}", id).replace("{uuid}", Cloud.VM.toString()));
            }
        }
        paths.add("/v1/migrations?limit=1");
        paths.add("/v1/events?limit=1");
        paths.add("/v1/migrations?source=canary-alpha");
        paths.add("/v1/migrations/none");
        paths.add("/v1/vms/" + new java.util.UUID(1, 1));
        paths.add("/v1/nothing");
        return paths;
    }

    private void assertNoGetNamesAHost(String id, String when) throws Exception {
        history.write();
        for (String path : getPaths(id)) {
            assertNamesNoHost(when + ", GET " + path, call("member", "GET", path, ""));
        }
    }

    @Test
    void noAnswerNamesAHostWhateverHappens() throws Exception {
        String id = planned();
        call("nova", "DELETE", "/v1/migrations/" + id, "");
        cloud.pass(Duration.ofSeconds(1));
        id = planned();
        assertNoGetNamesAHost(id, "planned");

        call("nova", "POST", "/v1/migrations/" + id + "/start", "");
        cloud.hosts.phase("canary-alpha", MigrationPhase.PRECOPY, "copying to canary-beta and canary-gamma");
        assertNoGetNamesAHost(id, "running");
        cloud.hosts.phase("canary-alpha", MigrationPhase.ABORTED, "canary-gamma at 10.1.2.3 died");
        assertNoGetNamesAHost(id, "aborted");

        cloud.hosts.runsSplit("canary-alpha", Cloud.VM, 512, Map.of("canary-gamma", 256L));
        assertNoGetNamesAHost(id, "split");
        cloud.hosts.mood("canary-alpha", FakeHosts.Mood.DOWN);
        cloud.placement.down(true);
        assertNoGetNamesAHost(id, "a host and Placement failing");
    }

    @Test
    void noRefusalNamesAHost() throws Exception {
        String id = planned();
        for (String[] one : new String[][] {
            {"POST", "/v1/migrations", fromTo("canary-alpha", "canary-beta")},
            {"POST", "/v1/migrations", fromTo("canary-alpha", "elsewhere")},
            {"POST", "/v1/migrations", fromTo("elsewhere", "canary-beta")},
            {"POST", "/v1/plans", fromTo("canary-alpha", "canary-beta")},
            {"POST", "/v1/migrations/" + id + "/start", ""},
            {"POST", "/v1/migrations/" + id + "/force-complete", ""},
            {"DELETE", "/v1/migrations/" + id, ""},
            {"PUT", "/v1/vms/" + Cloud.VM + "/placement", placement()},
            {"DELETE", "/v1/vms/" + Cloud.VM + "/placement", ""},
        }) {
            assertNamesNoHost(one[0] + " " + one[1], call("member", one[0], one[1], one[2]));
        }
        cloud.hosts.lends("canary-gamma", 0);
        cloud.hosts.lends("canary-alpha", 0);
        HttpResponse<String> refused = call("member", "POST", "/v1/migrations", migration());
        assertError(refused, 409, "no-sub-hosts");
        assertNamesNoHost("refused", refused);
    }

    private static String fromTo(String source, String destination) {
        return ApiFixture.MIGRATION.replace("\"h1\"", '"' + source + '"').replace("\"h2\"", '"' + destination + '"');
    }

    private static String placement() {
        return "{\"name\":\"db1\",\"host\":\"canary-beta\",\"ram_mb\":512,\"main_mb\":256,"
                + "\"extra_specs\":{\"splitmem:enabled\":\"true\"},\"project_id\":\"project\",\"user_id\":\"user\"}";
    }

    @Override
    String migration() {
        return named(ApiFixture.MIGRATION);
    }

    @Test
    void hostsAreCalledAsNovaCallsThem() throws Exception {
        String id = planned();

        JsonNode theirs =
                json(call("member", "GET", "/v1/migrations/" + id, "")).path("migration");
        JsonNode all = json(call("nova", "GET", "/v1/migrations/" + id, "")).path("migration");

        assertThat(theirs.path("source").asText()).isEqualTo(ALPHA);
        assertThat(theirs.path("sub_hosts").path(0).path("host").asText())
                .isEqualTo(HostNames.HIDDEN.of("canary-gamma", "project"))
                .hasSize(56);
        assertThat(theirs.has("name")).isFalse();
        assertThat(all.path("source").asText()).isEqualTo("canary-alpha");
        assertThat(all.path("name").asText()).isEqualTo("db1");
    }

    @Test
    void aTenantThatMayChangeThingsChangesThoseOfItsProjectOnly() throws Exception {
        String id = planned();

        assertError(call("others", "DELETE", "/v1/migrations/" + id, ""), 404, "migration-not-found");
        assertError(call("others", "POST", "/v1/migrations", migration()), 403, "forbidden");
        assertError(call("others", "PUT", "/v1/vms/" + Cloud.VM + "/placement", placement()), 403, "forbidden");
        assertError(call("others", "DELETE", "/v1/vms/" + Cloud.VM + "/placement", ""), 403, "forbidden");
        assertThat(call("member", "DELETE", "/v1/migrations/" + id, "").statusCode())
                .isEqualTo(202);
    }

    @Test
    void ofAnEventOnlyKnownFieldsAreShown() {
        String event =
                "{\"id\":\"e\",\"source\":\"/splitmem/hosts/canary-alpha\",\"extension\":\"canary-beta\",\"data\":{"
                        + "\"migrationId\":\"m\",\"reason\":\"canary-beta died\",\"added\":\"canary-beta\",\"subHosts\":"
                        + "[{\"host\":\"canary-gamma\",\"bytes\":7,\"note\":\"canary-gamma\"}],\"pagesOnSubHosts\":{\"canary-gamma\":1}}}";

        JsonNode shown = ShownEvent.of(event, HostNames.HIDDEN, "project");

        assertThat(shown.toString()).doesNotContain("canary").contains("\"migrationId\":\"m\"", "\"bytes\":7");
        assertThat(ShownEvent.of(event, HostNames.SHOWN, "project")).isEqualTo(Json.read(event, JsonNode.class));
    }
}
