package org.splitmem.bridge.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.events.publish.Outbox.Lane;
import org.splitmem.events.publish.Outbox.Lease;
import org.splitmem.events.publish.Outbox.Waiting;

class OutboxStoreTest {
    private static final String VM = "6d1f0000-0000-4000-8000-000000000001";
    private static final String OTHER = "6d1f0000-0000-4000-8000-000000000002";
    private static final Instant NOW = Instant.parse("2026-11-21T12:00:00Z");

    private final String url =
            "jdbc:h2:mem:" + UUID.randomUUID() + ";MODE=MariaDB;DATABASE_TO_LOWER=TRUE;DB_CLOSE_DELAY=-1";
    private final List<Database> databases = new ArrayList<>();
    private final Database database = open();
    private final OutboxStore one = outbox("bridge-1", NOW);
    private final OutboxStore two = outbox("bridge-2", NOW);

    private Database open() {
        Database opened = new Database(url, "", "", 4);
        databases.add(opened);
        return opened;
    }

    private OutboxStore outbox(String bridge, Instant now) {
        return new OutboxStore(database, bridge, Clock.fixed(now, ZoneOffset.UTC));
    }

    @AfterEach
    void end() {
        databases.forEach(Database::close);
    }

    private static EventStore.Entry entry(String id, String vm) {
        return new EventStore.Entry(id, "/here", vm, null, "event " + id);
    }

    private List<String> waiting(Lane lane) {
        return one.waiting(lane, 1000).stream()
                .map(row -> row.json().replace("event ", ""))
                .toList();
    }

    private List<Long> numbers(Lane lane) {
        return one.waiting(lane, 1000).stream().map(Waiting::number).toList();
    }

    @Test
    void whatWasSentWaitsNoLongerAndIsNotWrittenAgain() {
        one.add(Lane.SAMPLES, entry("z", VM));
        two.add(Lane.SAMPLES, entry("a", VM));
        one.add(Lane.KEPT, entry("m", VM));
        assertThat(two.add(Lane.SAMPLES, entry("z", VM)))
                .as("another bridge's of the same interval")
                .isFalse();
        assertThat(waiting(Lane.SAMPLES)).containsExactly("z", "a");

        one.sent(numbers(Lane.SAMPLES).subList(0, 1), Map.of());

        assertThat(waiting(Lane.SAMPLES)).containsExactly("a");
        assertThat(waiting(Lane.KEPT)).containsExactly("m");
        assertThat(two.add(Lane.SAMPLES, entry("z", VM))).isFalse();
        assertThat(one.count(Lane.SAMPLES)).isEqualTo(1);
    }

    @Test
    void whatWasSentIsForgottenAndWhatWaitsIsNot() {
        one.add(Lane.SAMPLES, entry("a", VM));
        one.add(Lane.SAMPLES, entry("b", VM));
        one.sent(numbers(Lane.SAMPLES).subList(0, 1), Map.of());
        long us = NOW.toEpochMilli() * 1000;

        assertThat(one.forgetSentBefore(us)).isZero();
        assertThat(one.forgetSentBefore(us + 1)).isEqualTo(1);

        assertThat(waiting(Lane.SAMPLES)).containsExactly("b");
    }

    @Test
    void whatIsRefusedWaitsNoLonger() {
        one.add(Lane.KEPT, entry("a", VM));

        one.refused(numbers(Lane.KEPT));

        assertThat(waiting(Lane.KEPT)).isEmpty();
    }

    @Test
    void droppedSamplesAreCountedByVmUntilTheyAreReported() {
        for (int i = 0; i < 300; i++) {
            one.add(Lane.SAMPLES, entry("s" + i, i % 3 == 0 ? OTHER : VM));
        }
        one.add(Lane.KEPT, entry("m", VM));

        assertThat(one.drop(Lane.SAMPLES, 297)).isEqualTo(297);
        assertThat(two.dropped(Set.of(VM, OTHER))).isEqualTo(Map.of(VM, 198L, OTHER, 99L));
        assertThat(waiting(Lane.SAMPLES)).containsExactly("s297", "s298", "s299");

        two.sent(numbers(Lane.SAMPLES).subList(0, 1), Map.of(OTHER, 99L));
        assertThat(one.drop(Lane.SAMPLES, 10)).isEqualTo(2);
        assertThat(one.dropped(Set.of(VM, OTHER))).isEqualTo(Map.of(VM, 200L));
        assertThat(one.drop(Lane.KEPT, 10)).isEqualTo(1);
        assertThat(one.dropped(Set.of(VM, OTHER))).isEqualTo(Map.of(VM, 200L));
    }

    @Test
    void oneBridgeSendsAndAnotherWhenItIsDead() {
        assertThat(one.lease()).isEqualTo(Lease.TAKEN);
        assertThat(two.lease()).isEqualTo(Lease.OTHERS);
        assertThat(outbox("bridge-1", NOW.plusSeconds(20)).lease()).isEqualTo(Lease.RENEWED);

        assertThat(outbox("bridge-2", NOW.plusSeconds(50)).lease()).isEqualTo(Lease.OTHERS);
        assertThat(outbox("bridge-2", NOW.plusMillis(50_001)).lease()).isEqualTo(Lease.TAKEN);
        assertThat(outbox("bridge-1", NOW.plusMillis(50_002)).lease()).isEqualTo(Lease.OTHERS);
    }

    @Test
    void oneThatEndsLeavesItsLeaseToTheOthers() {
        assertThat(one.lease()).isEqualTo(Lease.TAKEN);
        two.release();
        assertThat(two.lease()).isEqualTo(Lease.OTHERS);

        one.release();

        assertThat(two.lease()).isEqualTo(Lease.TAKEN);
    }

    @Test
    void aLeaseThatNobodyElseTookIsStillOnesOwn() {
        assertThat(one.lease()).isEqualTo(Lease.TAKEN);

        assertThat(outbox("bridge-1", NOW.plus(Duration.ofHours(1))).lease()).isEqualTo(Lease.RENEWED);
    }

    @Test
    void ofATransactionThatFailsNothingIsThere() {
        EventStore events = new EventStore(database);
        MigrationStore migrations = new MigrationStore(database, "bridge-1", 1000);

        assertThatThrownBy(() -> database.transaction(() -> {
                    migrations.begin(StoreTest.planning("m1", 5));
                    events.add(entry("a", VM), 1);
                    one.add(Lane.KEPT, entry("a", VM));
                    assertThat(events.add(entry("a", VM), 1)).isFalse();
                    throw new IllegalStateException("killed");
                }))
                .hasMessage("killed");

        assertThat(migrations.find("m1")).isEmpty();
        assertThat(waiting(Lane.KEPT)).isEmpty();
        assertThat(database.isInTransaction()).isFalse();
        assertThat(events.add(entry("a", VM), 1)).isTrue();
    }

    @Test
    void aTransactionWithinOneIsAPartOfIt() {
        assertThatThrownBy(() -> database.transaction(() -> {
                    database.transaction(() -> one.add(Lane.KEPT, entry("a", VM)));
                    throw new IllegalStateException("killed");
                }))
                .hasMessage("killed");
        assertThat(database.transaction(() -> false)).isFalse();

        assertThat(waiting(Lane.KEPT)).isEmpty();
    }

    /** The version before had sent what is in the history: it must not come again. */
    @Test
    void aDatabaseOfTheVersionBeforeKeepsItsHistoryAndNothingWaits() {
        String before = url.replace("jdbc:h2:mem:", "jdbc:h2:mem:before-");
        Flyway.configure().dataSource(before, "", "").target("4").load().migrate();
        try (var connection = java.sql.DriverManager.getConnection(before);
                var statement = connection.createStatement()) {
            statement.execute("INSERT INTO events (id, source, recorded_us, instance_uuid, project_id, event)"
                    + " VALUES ('a', '/here', 1, '" + VM + "', 'p', 'event a')");
        } catch (java.sql.SQLException e) {
            throw new AssertionError(e);
        }

        try (Database upgraded = new Database(before, "", "", 2)) {
            OutboxStore outbox = new OutboxStore(upgraded, "bridge-1", Clock.systemUTC());
            assertThat(new EventStore(upgraded)
                            .list(new EventStore.Filter(null, null, 0), EventStore.Position.START, 9))
                    .containsExactly("event a");
            assertThat(outbox.count(Lane.KEPT)).isZero();
            assertThat(outbox.lease()).isEqualTo(Lease.TAKEN);
        }
    }
}
