package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.MDC;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.store.Migration;
import org.splitmem.model.RefusedException;

/** One id joins the logs of Nova, nova-bridge and the hosts; one names a migration everywhere, with Nova's own beside it. */
class RequestIdTest {
    private static final String NOVAS = "req-07e40000-0000-4000-8000-00000000000b";
    private static final UUID NOVA_MIGRATION = UUID.fromString("07e40000-0000-4000-8000-00000000000a");

    private Cloud cloud;
    private Cloud.Bridge bridge;

    @BeforeEach
    void begin() throws Exception {
        cloud = new Cloud();
        bridge = cloud.bridge("bridge-1");
    }

    @AfterEach
    void end() {
        MDC.clear();
        cloud.close();
    }

    private Migration started() throws RefusedException {
        MDC.put(Caller.REQUEST_ID, "req-07e40000-0000-4000-8000-00000000000c");
        MDC.put(Caller.GLOBAL_REQUEST_ID, NOVAS);
        PlanInput input = new PlanInput(Cloud.onHost("h1").vm(), Cloud.SPECS, NOVA_MIGRATION);
        return bridge.migrations.start(bridge.migrations.plan(input, "h2").id());
    }

    @Test
    void theHostsAreToldNovasRequest() throws Exception {
        started();

        assertThat(cloud.hosts.requestId("h1", "POST /v1/vms/" + Cloud.VM + "/migrations"))
                .isEqualTo(NOVAS);
        assertThat(cloud.hosts.requestId("h3", "GET /v1/host"))
                .as("asked on another thread")
                .isEqualTo(NOVAS);
    }

    @Test
    void whoFollowsTheMigrationLaterSaysTheSameRequest() throws Exception {
        Migration migration = started();
        MDC.clear();
        MDC.put(Caller.REQUEST_ID, "req-of-the-loop");

        bridge.follower.step();

        assertThat(cloud.hosts.requestId("h1", "GET /v1/migrations/" + migration.daemonId()))
                .isEqualTo(NOVAS);
        assertThat(MDC.get(Caller.GLOBAL_REQUEST_ID)).as("after the round").isNull();
    }

    @Test
    void aMigrationKeepsNovasUuidAndHasOneIdAtTheBridgeAndTheHost() throws Exception {
        Migration migration = started();

        assertThat(migration.novaMigration()).isEqualTo(NOVA_MIGRATION);
        assertThat(migration.requestId()).isEqualTo(NOVAS);
        assertThat(migration.daemonId()).isEqualTo(migration.id());
        assertThat(cloud.hosts.migrationsFrom("h1").get(0).id()).isEqualTo(migration.id());
        assertThat(cloud.hosts.migrationsFrom("h1").get(0).novaMigrationUuid()).isEqualTo(NOVA_MIGRATION.toString());
    }
}
