package org.splitmem.bridge.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.migration.Cloud;
import org.splitmem.bridge.store.EventStore;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.OutboxStore;
import org.splitmem.bridge.store.Status;
import org.splitmem.bridge.store.StoreException;
import org.splitmem.events.Event;
import org.splitmem.events.MigrationEvents;
import org.splitmem.events.Topic;
import org.splitmem.events.publish.EventPublisher;
import org.splitmem.events.publish.EventSink;
import org.splitmem.events.publish.Outbox.Lane;
import org.splitmem.events.publish.Outbox.Lease;
import org.splitmem.model.MigrationPhase;

/** Two bridges that share a database, and a broker that comes and goes. */
class OutboxTest {
    private static final Duration INTERVAL = Duration.ofSeconds(10);
    private static final EventPublisher.Rhythm FAST = new EventPublisher.Rhythm(2, 5, 5);

    private final List<Bridge> bridges = new ArrayList<>();
    private final Broker broker = new Broker();
    private Cloud cloud;

    private static final class Broker implements EventSink {
        final List<Event> arrived = new CopyOnWriteArrayList<>();
        volatile boolean awake = true;

        @Override
        public List<Fate> send(List<Event> events) {
            if (awake) {
                arrived.addAll(events);
            }
            return events.stream()
                    .map(event -> awake ? Fate.SENT : Fate.UNKNOWN)
                    .toList();
        }

        @Override
        public void close() {}
    }

    /** All that a bridge does with events. */
    private final class Bridge implements AutoCloseable {
        final OutboxStore outbox;
        final EventHistory history;
        final EventPublisher publisher;
        final EventFeed feed;
        final Cloud.Bridge does;

        Bridge(String name) {
            outbox = new OutboxStore(cloud.database, name, cloud);
            history = new EventHistory(cloud.database, outbox, Duration.ofDays(1), INTERVAL, cloud);
            publisher = new EventPublisher(outbox, broker, 10_000, FAST, new SimpleMeterRegistry());
            feed = new EventFeed(history, publisher, INTERVAL, cloud);
            does = cloud.bridge(name, feed.telemetry());
            bridges.add(this);
        }

        @Override
        public void close() {
            feed.close();
            history.close();
        }
    }

    @BeforeEach
    void begin() throws Exception {
        cloud = new Cloud();
    }

    @AfterEach
    void end() {
        bridges.forEach(Bridge::close);
        cloud.close();
    }

    private void awaitSent(Bridge bridge) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        while (waiting(bridge) > 0) {
            assertThat(System.nanoTime()).as("%s events wait", waiting(bridge)).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(5);
        }
    }

    private static long waiting(Bridge bridge) {
        return bridge.outbox.count(Lane.KEPT) + bridge.outbox.count(Lane.SAMPLES);
    }

    private List<String> arrived(Topic topic) {
        return broker.arrived.stream()
                .filter(event -> event.topic() == topic)
                .map(event -> event.kind() + event.data().path("phase").asText())
                .toList();
    }

    private Migration started(Bridge bridge) throws Exception {
        Migration planned = bridge.does.migrations.plan(onHost("h1"), "h2");
        return bridge.does.migrations.start(planned.id());
    }

    @Test
    void whatTwoBridgesTellIsSentOnceAndInOrder() throws Exception {
        Bridge one = new Bridge("bridge-1");
        Bridge two = new Bridge("bridge-2");
        cloud.hosts.runsSplit("h1", VM, 512, Map.of("h3", 256L));
        for (Bridge bridge : List.of(one, two, one, two)) {
            bridge.feed.sample(bridge.does.daemons);
            cloud.pass(INTERVAL.dividedBy(2));
        }
        awaitSent(one);
        one.feed.sample(one.does.daemons); // within an interval of which the sample was sent already
        two.feed.sample(two.does.daemons);
        cloud.hosts.runs("h1", VM, 512);
        started(one);
        cloud.hosts.phase("h1", MigrationPhase.PRECOPY, null);
        one.does.follower.step();
        cloud.pass(Duration.ofSeconds(20)); // the lease on the migration has run out
        cloud.hosts.phase("h1", MigrationPhase.DONE, null);
        two.does.follower.step();
        awaitSent(one);

        assertThat(broker.arrived).extracting(Event::id).doesNotHaveDuplicates();
        assertThat(arrived(Topic.MIGRATION))
                .containsExactly(
                        "phasePLANNED",
                        "phasePRECOPY",
                        "phaseREADY",
                        "phaseSWITCHOVER",
                        "phaseHANDOVER",
                        "outcomeDONE");
        assertThat(arrived(Topic.PLACEMENT)).containsExactly("planned", "changed", "changed");
        assertThat(arrived(Topic.PAGING)).isNotEmpty();
        long written = bridges.stream()
                .mapToLong(bridge -> Arrays.stream(Topic.values())
                        .mapToLong(bridge.history::written)
                        .sum())
                .sum();
        assertThat(broker.arrived).hasSize((int) written);
    }

    @Test
    void whileTheBrokerIsAwayAllWaitAndAnotherBridgeSendsThem() throws Exception {
        broker.awake = false;
        Bridge one = new Bridge("bridge-1");
        started(one);
        cloud.hosts.phase("h1", MigrationPhase.PRECOPY, null);
        one.does.follower.step();
        one.close();
        bridges.remove(one);
        assertThat(broker.arrived).isEmpty();

        Bridge two = new Bridge("bridge-2");
        assertThat(waiting(two)).isEqualTo(4);
        broker.awake = true;
        awaitSent(two);

        assertThat(arrived(Topic.MIGRATION)).containsExactly("phasePLANNED", "phasePRECOPY");
        assertThat(arrived(Topic.PLACEMENT)).containsExactly("planned", "changed");
    }

    /** The outbox cannot be written: then the migration has not moved either, and its events are told by the next look. */
    @Test
    void aChangeAndItsEventAreThereTogetherOrNotAtAll() throws Exception {
        Bridge one = new Bridge("bridge-1");
        Migration migration = started(one);
        awaitSent(one);
        one.publisher.close();
        cloud.hosts.phase("h1", MigrationPhase.DONE, null);
        try (var connection = DriverManager.getConnection(cloud.databaseUrl);
                var statement = connection.createStatement()) {
            statement.execute("ALTER TABLE outbox RENAME TO away");
            assertThatThrownBy(() -> one.does.follower.step()).isInstanceOf(StoreException.class);
            assertThat(one.does
                            .store
                            .find(migration.id())
                            .orElseThrow()
                            .progress()
                            .phase())
                    .isEqualTo("PLANNED");
            assertThat(history()).noneMatch(json -> json.contains(MigrationEvents.OUTCOME));
            statement.execute("ALTER TABLE away RENAME TO outbox");
        }

        one.does.follower.step();

        assertThat(one.does.store.find(migration.id()).orElseThrow().status()).isEqualTo(Status.COMPLETED);
        assertThat(one.outbox.waiting(Lane.KEPT, 100))
                .extracting(row -> row.json())
                .anyMatch(json -> json.contains(MigrationEvents.OUTCOME));
        assertThat(history()).anyMatch(json -> json.contains(MigrationEvents.OUTCOME));
    }

    private List<String> history() {
        return new EventStore(cloud.database).list(new EventStore.Filter(VM, null, 0), EventStore.Position.START, 100);
    }

    /** The event is in the database when the call returns, not a moment later. */
    @Test
    void whatIsToldSurvivesABridgeThatIsKilledRightAfter() throws Exception {
        broker.awake = false;
        Bridge one = new Bridge("bridge-1");

        one.does.placements.release(VM, null);
        one.does.placements.place(onHost("h1"));

        assertThat(one.history.waiting()).isZero();
        assertThat(waiting(one)).isEqualTo(2); // planned, booked
    }

    @Test
    void aDeadBridgesLeaseIsTakenOver() throws Exception {
        OutboxStore dead = new OutboxStore(cloud.database, "dead", cloud);
        assertThat(dead.lease()).isEqualTo(Lease.TAKEN);
        Bridge two = new Bridge("bridge-2");
        started(two);
        TimeUnit.MILLISECONDS.sleep(100); // some looks at the lease
        assertThat(broker.arrived).as("while the lease lasts").isEmpty();

        cloud.pass(Duration.ofSeconds(31));
        awaitSent(two);

        assertThat(arrived(Topic.MIGRATION)).containsExactly("phasePLANNED");
    }
}
