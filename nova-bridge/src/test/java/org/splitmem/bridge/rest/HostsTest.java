package org.splitmem.bridge.rest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.daemon.FakeHosts;
import org.splitmem.bridge.daemon.HostAddress;
import org.splitmem.bridge.migration.Cloud;
import org.splitmem.model.PeerAddress;

/** Hosts that the bridge learns of while it runs, with hypervisors of other names than theirs. */
class HostsTest extends ApiFixture {
    private static final String PLAN =
            "{\"destination\":\"h2\",\"ram_mb\":400,\"main_mb\":88,\"extra_specs\":{\"splitmem:enabled\":\"true\",\"splitmem:mode\":\"always\"}}";

    @Override
    Cloud newCloud() throws Exception {
        Cloud made = new Cloud(".example.org", List.of("h1", "h2", "h3"));
        made.configuresNoHosts();
        return made;
    }

    private static String registration(String name, String address, int port) {
        return "{\"hypervisor_hostname\":\"" + name + ".example.org\",\"control_address\":\"" + address
                + "\",\"control_port\":" + port + ",\"data_port\":7780}";
    }

    private HttpResponse<String> register(String name, int port) throws Exception {
        return call("nova", "PUT", "/v1/hosts/" + name, registration(name, "127.0.0.1", port));
    }

    private void register(String... names) throws Exception {
        for (String name : names) {
            assertThat(register(name, port(cloud.hosts, name)).statusCode()).isEqualTo(204);
        }
    }

    private static int port(FakeHosts hosts, String name) {
        return hosts.addresses().stream()
                .filter(host -> host.name().equals(name))
                .mapToInt(HostAddress::port)
                .findFirst()
                .orElseThrow();
    }

    private JsonNode plan() throws Exception {
        HttpResponse<String> answer = call("nova", "POST", "/v1/plans", PLAN);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return json(answer).path("plan");
    }

    private Map<String, JsonNode> listed() throws Exception {
        Map<String, JsonNode> hosts = new TreeMap<>();
        for (JsonNode host : json(call("nova", "GET", "/v1/hosts", "")).path("hosts")) {
            hosts.put(host.path("name").asText(), host);
        }
        return hosts;
    }

    @Test
    void aHostThatHasNotRegisteredIsNotChosenAndIsNamed() throws Exception {
        register("h1", "h2");

        JsonNode plan = plan();

        assertThat(plan.path("mode").asText()).isEqualTo("refused");
        // Only its registration says which compute host the provider is.
        assertThat(plan.path("explanation").toString()).contains("h3.example.org", "has not registered");
        assertThat(listed().get("h3.example.org").path("error").asText()).contains("has not registered");
    }

    @Test
    void aHostThatRegistersIsInTheNextPlan() throws Exception {
        register("h1", "h2");
        plan();
        register("h3");

        assertThat(plan().path("sub_hosts").toString()).isEqualTo("[{\"host\":\"h3\",\"mb\":312}]");
    }

    @Test
    void aHostThatRegistersIsAPeerOfTheOthers() throws Exception {
        register("h1", "h2", "h3");

        long endNs = System.nanoTime() + 20_000_000_000L;
        while (cloud.hosts.peers("h1").peers().size() < 3 && System.nanoTime() - endNs < 0) {
            Thread.sleep(20);
        }
        assertThat(cloud.hosts.peers("h1").peers())
                .extracting(PeerAddress::name)
                .containsExactly("h1", "h2", "h3");
    }

    @Test
    void aHostMayHaveAnotherNameThanItsHypervisor() throws Exception {
        register("h1", "h2", "h3");

        String id = planned();

        assertThat(cloud.booked()).isEqualTo(Map.of("h1.example.org", 256L, "h3.example.org", 256L));
        JsonNode migration =
                json(call("nova", "GET", "/v1/migrations/" + id, "")).path("migration");
        assertThat(migration.path("sub_hosts").toString()).isEqualTo("[{\"host\":\"h3\",\"mb\":256}]");

        assertThat(call("nova", "DELETE", "/v1/migrations/" + id, "").statusCode())
                .isEqualTo(202);
        assertThat(cloud.booked()).isEqualTo(Map.of("h1.example.org", 256L));

        cloud.placement.claim(Consumers.of(Cloud.VM), "SPLITMEM", "h3.example.org", 99);
        bridge.reconciler.round();
        assertThat(cloud.booked()).as("what its host says").isEqualTo(Map.of("h1.example.org", 256L));
    }

    @Test
    void anotherAddressReplacesTheFormerOne() throws Exception {
        register("h1", "h2", "h3");
        try (FakeHosts moved = new FakeHosts("h3")) {
            moved.lends("h3", 0);

            assertThat(register("h3", port(moved, "h3")).statusCode()).isEqualTo(204);

            assertThat(plan().path("explanation").toString()).contains("h3: with nothing left to lend");
            assertThat(listed().get("h3").path("control_address").asText()).isEqualTo("127.0.0.1:" + port(moved, "h3"));
        }
    }

    @Test
    void aSplitmemdOfAnotherNameIsNotTakenForTheHost() throws Exception {
        register("h1", "h2");
        try (FakeHosts others = new FakeHosts("h9")) {
            register("h3", port(others, "h9"));

            assertThat(plan().path("explanation").toString()).contains("is that of h9");
            assertThat(listed().get("h3").path("reachable").asBoolean()).isFalse();
        }
    }

    @Test
    void allBridgesKnowWhatIsRegisteredWithOne() throws Exception {
        Cloud.Bridge other = cloud.bridge("bridge-2");
        register("h1", "h2", "h3");

        assertThat(other.daemons.vm("h1", Cloud.VM)).isPresent();
        assertThat(other.daemons.reports()).hasSize(3).allMatch(report -> report.info() != null);
    }

    @Test
    void hostsShowHowTheyAreRegistered() throws Exception {
        register("h3");

        JsonNode h3 = listed().get("h3");

        assertThat(h3.path("hypervisor_hostname").asText()).isEqualTo("h3.example.org");
        assertThat(h3.path("seen_at").asText()).isEqualTo("2026-11-21T12:00:00Z");
        assertThat(h3.path("lender").asBoolean()).isTrue();
        assertThat(h3.path("unclaimed_mb").asLong()).isEqualTo(1000);
        assertThat(h3.path("reachable").asBoolean()).isTrue();
    }

    @Test
    void onlyServicesRegister() throws Exception {
        knows("root", "admin", "admin-project");
        for (String token : List.of("theirs", "member", "guest", "root")) {
            assertError(call(token, "PUT", "/v1/hosts/h3", registration("h3", "127.0.0.1", 7779)), 403, "forbidden");
        }
        assertError(call("", "PUT", "/v1/hosts/h3", registration("h3", "127.0.0.1", 7779)), 401, "unauthorized");
        assertThat(bridge.registry.registered()).isEmpty();
    }

    @Test
    void noHostIsAtANameOrAnAddressOfNoHost() throws Exception {
        for (String address : List.of("evil.example.org", "0.0.0.0", "224.0.0.1", "::", "10.0.0.0/8", "1.2.3")) {
            assertError(
                    call("nova", "PUT", "/v1/hosts/h3", registration("h3", address, 7779)), 400, "address-not-allowed");
        }
        assertError(call("nova", "PUT", "/v1/hosts/h3", registration("h3", "10.0.0.1", 70_000)), 400, "invalid-json");
        assertThat(bridge.registry.registered()).isEmpty();
    }

    @Test
    void aHostIsDrainedAndSaysWhatDoesNotMove() throws Exception {
        register("h1", "h2", "h3");
        cloud.hosts.runsSplit("h1", Cloud.VM, 512, Map.of("h3", 272L));

        assertError(call("member", "POST", "/v1/hosts/h3/drain", ""), 403, "forbidden");
        assertError(call("nova", "POST", "/v1/hosts/h9/drain", ""), 404, "host-not-found");
        HttpResponse<String> begun = call("nova", "POST", "/v1/hosts/h3/drain", "");
        assertThat(begun.statusCode()).as(begun.body()).isEqualTo(202);
        JsonNode drain = json(call("nova", "GET", "/v1/hosts/h3/drain", "")).path("drain");

        assertThat(drain.path("state").asText()).isEqualTo("DRAINING");
        JsonNode vm = drain.path("leaving").path(0);
        assertThat(vm.path("instance_uuid").asText()).isEqualTo(Cloud.VM.toString());
        assertThat(vm.path("main_host").asText()).isEqualTo("h1");
        assertThat(vm.path("moving").asBoolean()).isFalse();
        assertThat(vm.path("trouble").asText()).contains("extra specs");

        HttpResponse<String> ended = call("nova", "DELETE", "/v1/hosts/h3/drain", "");
        assertThat(json(ended).path("drain").path("state").asText()).isEqualTo("LENDING");
        assertError(call("nova", "DELETE", "/v1/hosts/h3/drain", ""), 409, "not-being-drained");
    }

    @Test
    void aHostThatIsGoneForGoodIsForgotten() throws Exception {
        register("h1", "h2", "h3");

        assertError(call("member", "DELETE", "/v1/hosts/h3", ""), 403, "forbidden");
        assertThat(call("nova", "DELETE", "/v1/hosts/h3", "").statusCode()).isEqualTo(204);
        assertError(call("nova", "DELETE", "/v1/hosts/h3", ""), 404, "host-not-found");

        assertThat(plan().path("mode").asText()).isEqualTo("refused");
    }
}
