package org.splitmem.bridge.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import java.io.InputStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.MDC;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.daemon.FakeHosts;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.migration.Cloud;
import org.splitmem.bridge.store.EventStore;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Vm;
import org.splitmem.events.Event;
import org.splitmem.events.Topic;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.RefusedException;

class EventFeedTest {
    private static final Duration INTERVAL = Duration.ofSeconds(10);

    private final List<Event> told = new CopyOnWriteArrayList<>();
    private Cloud cloud;
    private Cloud.Bridge bridge;

    @BeforeEach
    void begin() throws Exception {
        cloud = new Cloud();
        bridge =
                cloud.bridge("bridge-1", new EventTelemetry(told::add, BooleanSupplier::getAsBoolean, INTERVAL, cloud));
    }

    @AfterEach
    void end() throws Exception {
        cloud.close();
        for (Event event : told) {
            try (InputStream in = Topic.class.getResourceAsStream(event.topic().schemaResource())) {
                JsonNode schema = Json.mapper().readTree(in);
                assertThat(JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
                                .getSchema(schema)
                                .validate(event.data()))
                        .as("%s", event.data())
                        .isEmpty();
            }
        }
    }

    private List<String> kinds(Topic topic) {
        return told.stream()
                .filter(event -> event.topic() == topic)
                .map(event -> event.kind()
                        + event.data().path("phase").asText()
                        + event.data().path("reason").asText())
                .toList();
    }

    private Migration started() throws Exception {
        Migration planned = bridge.migrations.plan(onHost("h1"), "h2");
        return bridge.migrations.start(planned.id());
    }

    @Test
    void aMigrationAndItsBookingsAreToldWhole() throws Exception {
        Migration migration = started();
        cloud.hosts.phase("h1", MigrationPhase.PRECOPY, null);
        bridge.follower.step();
        cloud.hosts.phase("h1", MigrationPhase.DONE, null);
        bridge.follower.step();

        assertThat(kinds(Topic.MIGRATION))
                .containsExactly(
                        "phasePLANNED",
                        "phasePRECOPY",
                        "phaseREADY",
                        "phaseSWITCHOVER",
                        "phaseHANDOVER",
                        "outcomeDONE");
        assertThat(kinds(Topic.PLACEMENT)).containsExactly("plannedplanned", "changedplanned", "changedcompleted");
        assertThat(told.stream().filter(event -> event.topic() == Topic.PLACEMENT))
                .allSatisfy(event ->
                        assertThat(event.data().path("migrationId").asText()).isEqualTo(migration.id()));
        assertThat(told.get(0).data().path("explanation")).isNotEmpty();
        assertThat(told).extracting(Event::id).doesNotHaveDuplicates();
    }

    @Test
    void eachPlacementNamesTheRequestThatItIsOf() throws Exception {
        String novas = "req-07e40000-0000-4000-8000-00000000000b";
        MDC.put(Caller.GLOBAL_REQUEST_ID, novas);
        try {
            bridge.migrations.plan(onHost("h1"), "h2");
            bridge.placements.release(VM, null);
        } finally {
            MDC.remove(Caller.GLOBAL_REQUEST_ID);
        }

        assertThat(told).extracting(Event::topic).contains(Topic.PLACEMENT);
        assertThat(told.stream().filter(event -> event.topic() == Topic.PLACEMENT))
                .allSatisfy(event ->
                        assertThat(event.data().path("requestId").asText()).isEqualTo(novas));
    }

    @Test
    void whoTakesOverTellsTheSameAgain() throws Exception {
        started();
        cloud.hosts.phase("h1", MigrationPhase.PRECOPY, null);
        bridge.follower.step();
        List<String> first = told.stream()
                .filter(event -> event.topic() == Topic.MIGRATION)
                .map(Event::id)
                .toList();
        told.clear();

        Cloud.Bridge other =
                cloud.bridge("bridge-2", new EventTelemetry(told::add, BooleanSupplier::getAsBoolean, INTERVAL, cloud));
        cloud.pass(Duration.ofSeconds(20)); // the lease has run out
        other.follower.step();

        assertThat(first).hasSize(2);
        assertThat(told).extracting(Event::id).containsExactlyElementsOf(first);
    }

    @Test
    void aMigrationThatItsDaemonForgotIsToldToItsEnd() throws Exception {
        started();
        cloud.hosts.phase("h1", MigrationPhase.PRECOPY, null);
        bridge.follower.step();
        cloud.hosts.forgetMigrations("h1");

        bridge.follower.step();

        assertThat(kinds(Topic.MIGRATION)).hasSize(3).last().asString().startsWith("outcomeABORTEDsplitmemd on h1");
        assertThat(kinds(Topic.PLACEMENT)).last().isEqualTo("changedundone");
    }

    @Test
    void aConsumerThatIsMadeAnewGivesNewIds() throws Exception {
        bridge.placements.release(VM, null);
        for (int i = 0; i < 2; i++) {
            cloud.pass(Duration.ofMinutes(1));
            bridge.placements.place(onHost("h1"));
            bridge.placements.release(VM, "h1");
        }

        assertThat(kinds(Topic.PLACEMENT))
                .containsExactly(
                        "plannedplanned",
                        "bookedplaced",
                        "releasedreleased",
                        "plannedplanned",
                        "bookedplaced",
                        "releasedreleased");
        assertThat(told).extracting(Event::id).doesNotHaveDuplicates();
    }

    @Test
    void whatIsBookedAlreadyIsNotTold() throws Exception {
        bridge.placements.place(onHost("h1"));

        assertThat(kinds(Topic.PLACEMENT)).containsExactly("plannedplanned");
    }

    @Test
    void aPlanThatIsRefusedIsToldWithItsReason() throws Exception {
        cloud.hosts.lends("h3", 0);
        cloud.hosts.lends("h1", 0);

        assertThatThrownBy(() -> bridge.migrations.plan(onHost("h1"), "h2")).isInstanceOf(RefusedException.class);
        assertThatThrownBy(() -> bridge.placements.place(onHost("h2"))).isInstanceOf(RefusedException.class);

        assertThat(kinds(Topic.PLACEMENT).stream()
                        .filter(kind -> kind.startsWith("refused"))
                        .toList())
                .containsExactly("refusedno-sub-hosts", "refusedno-sub-hosts");
        Event first = told.stream()
                .filter(event -> event.kind().equals("refused"))
                .findFirst()
                .orElseThrow();
        assertThat(first.data().path("explanation").toString()).contains("no sub-hosts");
        assertThat(first.data().path("host").asText()).isEqualTo("h2");
        assertThat(first.data().path("allocations")).isEmpty();
    }

    @Test
    void aReconciliationThatFailsIsToldOnceAndAgainWhenItFailsAnew() throws Exception {
        EventTelemetry telemetry = new EventTelemetry(told::add, BooleanSupplier::getAsBoolean, INTERVAL, cloud);
        Vm vm = onHost("h1").vm();
        for (int round = 0; round < 3; round++) {
            telemetry.reconciliationFailed(VM, vm, Map.of("h3", 256L), "h3 has no capacity");
            cloud.pass(INTERVAL);
        }
        telemetry.placementChanged(vm, null, new Bookings.Step(Map.of(), Map.of("h3", 256L), 1), "reconciled");
        telemetry.reconciliationFailed(VM, vm, Map.of("h3", 256L), "h3 has no capacity");
        telemetry.reconciliationFailed(VM, null, null, "Placement does not answer");

        assertThat(kinds(Topic.PLACEMENT))
                .containsExactly(
                        "failedreconciliation", "bookedreconciled", "failedreconciliation", "failedreconciliation");
        assertThat(told.get(0).data().at("/allocations/0/host").asText()).isEqualTo("h3");
    }

    @Test
    void whatBecomesOfVmsIsInTheHistoryWithoutKafkaToo() throws Exception {
        EventHistory history = history();
        try (EventFeed feed = new EventFeed(history, null, INTERVAL, cloud)) {
            feed.sample(bridge.daemons);
            cloud.pass(INTERVAL);
            cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 256L));
            feed.sample(bridge.daemons);
            cloud.hosts.mood("h3", FakeHosts.Mood.DOWN);
            for (int i = 0; i < 2; i++) {
                cloud.pass(INTERVAL);
                feed.sample(bridge.daemons);
            }
            history.write();
        }

        List<String> types = new EventStore(cloud.database)
                .list(new EventStore.Filter(VM, null, 0), EventStore.Position.START, 100).stream()
                        .map(json ->
                                Json.read(json, JsonNode.class).path("type").asText())
                        .toList();
        assertThat(types).contains("org.splitmem.vm.v1.split", "org.splitmem.vm.v1.sub-host-lost");
    }

    @Test
    void aSubHostThatIsEmptiedSinceItIsDrainedIsToldToBe() throws Exception {
        EventHistory history = history();
        try (EventFeed feed = new EventFeed(history, null, INTERVAL, cloud)) {
            cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 256L));
            feed.sample(bridge.daemons);
            cloud.pass(INTERVAL);
            cloud.hosts.empties("h1", VM, 512, "h3", 256);
            cloud.hosts.metrics("h3", "# TYPE splitmem_draining gauge\nsplitmem_draining 1.0\n");
            feed.sample(bridge.daemons);
            history.write();
        }

        List<JsonNode> events = new EventStore(cloud.database)
                .list(new EventStore.Filter(VM, null, 0), EventStore.Position.START, 100).stream()
                        .map(json -> Json.read(json, JsonNode.class))
                        .filter(event -> event.path("type").asText().endsWith(".sub-host-emptying"))
                        .toList();
        assertThat(events)
                .singleElement()
                .satisfies(event ->
                        assertThat(event.at("/data/draining").asBoolean()).isTrue());
    }

    private EventHistory history() {
        return new EventHistory(cloud.database, null, Duration.ofDays(1), INTERVAL, cloud);
    }

    @Test
    void withoutBrokersTheHistoryIsToldAllTheSame() throws Exception {
        EventHistory history = history();
        try (EventFeed feed = new EventFeed(history, null, INTERVAL, cloud)) {
            bridge = cloud.bridge("bridge-2", feed.telemetry());
            started();

            assertThat(written(history)).isEqualTo(3); // planned, changed, and splitmemd's first phase
        }
    }

    private static long written(EventHistory history) {
        return Arrays.stream(Topic.values()).mapToLong(history::written).sum();
    }
}
