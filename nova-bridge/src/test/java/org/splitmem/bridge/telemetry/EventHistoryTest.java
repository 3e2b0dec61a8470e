package org.splitmem.bridge.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.store.Database;
import org.splitmem.bridge.store.EventStore;
import org.splitmem.bridge.store.StoreException;
import org.splitmem.events.Event;
import org.splitmem.events.Topic;
import org.splitmem.events.cloud.CloudJson;

class EventHistoryTest {
    private static final Instant NOW = Instant.parse("2026-11-21T12:00:00.250Z");
    private static final String VM = "6d1f0000-0000-4000-8000-000000000001";

    private final String url =
            "jdbc:h2:mem:" + UUID.randomUUID() + ";MODE=MariaDB;DATABASE_TO_LOWER=TRUE;DB_CLOSE_DELAY=-1";
    private final Database database = new Database(url, "", "", 2);
    private final EventStore store = new EventStore(database);
    private final EventHistory history = at(NOW);

    @AfterEach
    void end() {
        database.close();
    }

    private EventHistory at(Instant now) {
        Clock clock = Clock.fixed(now, ZoneOffset.UTC);
        return new EventHistory(database, null, Duration.ofDays(2), Duration.ofSeconds(10), clock);
    }

    private static Event event(String id) {
        return Event.of(id, Topic.MIGRATION.type("phase"), "/splitmem/hosts/h1", NOW, VM, Map.of("name", "db1"));
    }

    private List<Event> kept() {
        return store
                .list(
                        new EventStore.Filter(null, null, EventStore.Position.START.recordedUs()),
                        EventStore.Position.START,
                        10_000)
                .stream()
                .map(text -> CloudJson.read(text.getBytes(StandardCharsets.UTF_8)))
                .toList();
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    @Test
    void eventsAreKeptAsKafkaGetsThemInTheOrderInWhichTheyWereTold() {
        List<Event> told = List.of(event("z"), event("a"), event("m"));
        told.forEach(history::tell);

        history.write();

        assertThat(kept()).isEqualTo(told);
        assertThat(history.waiting()).isZero();
    }

    @Test
    void whileTheDatabaseIsAwayTheyWait() throws SQLException {
        execute("ALTER TABLE events RENAME TO away");
        history.tell(event("a"));
        assertThatThrownBy(history::write).isInstanceOf(StoreException.class);
        history.tell(event("b"));
        history.close(); // a bridge that ends has to end

        assertThat(history.waiting()).isEqualTo(2);
        assertThat(history.lost()).isZero();
        execute("ALTER TABLE away RENAME TO events");
        history.write();

        assertThat(kept()).extracting(Event::id).containsExactly("a", "b");
    }

    @Test
    void whatHasNoPlaceToWaitIsCountedAndNobodyIsHeldUp() throws SQLException {
        execute("ALTER TABLE events RENAME TO away");
        for (int i = 0; i < 4100; i++) {
            history.tell(event("e" + i));
        }

        assertThat(history.waiting()).isEqualTo(4096);
        assertThat(history.lost()).isEqualTo(4);
        execute("ALTER TABLE away RENAME TO events");
        history.close();
        assertThat(kept()).hasSize(4096).last().isEqualTo(event("e4095"));
    }

    @Test
    void whatTheDatabaseCanNeverTakeDoesNotHoldUpTheOthers() {
        history.tell(event("x".repeat(300)));
        history.tell(event("a"));

        history.write();

        assertThat(kept()).extracting(Event::id).containsExactly("a");
        assertThat(history.lost()).isEqualTo(1);
    }

    @Test
    void theyAreForgottenAfterTheirTime() {
        history.tell(event("a"));
        history.write();

        at(NOW.plus(Duration.ofDays(2))).forget();
        assertThat(kept()).hasSize(1);

        at(NOW.plus(Duration.ofDays(2)).plusMillis(1)).forget();
        assertThat(kept()).isEmpty();
    }
}
