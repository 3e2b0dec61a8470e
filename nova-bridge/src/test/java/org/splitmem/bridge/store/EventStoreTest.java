package org.splitmem.bridge.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.store.EventStore.Entry;
import org.splitmem.bridge.store.EventStore.Filter;
import org.splitmem.bridge.store.EventStore.Position;

class EventStoreTest {
    private static final UUID INSTANCE = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final Filter ALL = new Filter(null, null, 0);

    private final Database database = new Database(
            "jdbc:h2:mem:" + UUID.randomUUID() + ";MODE=MariaDB;DATABASE_TO_LOWER=TRUE;DB_CLOSE_DELAY=-1", "", "", 4);
    private final EventStore events = new EventStore(database);

    @AfterEach
    void end() {
        database.close();
    }

    private boolean add(String id, long atUs, UUID instance, @Nullable String project) {
        return events.add(new Entry(id, "/here", instance.toString(), project, "event " + id), atUs);
    }

    private List<String> list(Filter filter, Position after, int most) {
        return events.list(filter, after, most).stream()
                .map(text -> text.replace("event ", ""))
                .toList();
    }

    @Test
    void eventsAreInTheOrderInWhichTheyWereRecorded() {
        add("b", 20, INSTANCE, "p");
        add("a", 30, INSTANCE, "p");
        add("c", 10, INSTANCE, "p");

        assertThat(list(ALL, Position.START, 10)).containsExactly("c", "b", "a");
        assertThat(list(ALL, Position.START, 2)).containsExactly("c", "b");
        assertThat(list(new Filter(null, null, 20), Position.START, 10)).containsExactly("b", "a");
    }

    @Test
    void pagesLeaveNothingOutAlsoIfTwoBridgesWroteAtOneMoment() {
        List<String> written = new ArrayList<>();
        for (String id : List.of("a", "b", "c", "d", "e", "f", "g")) {
            add(id, id.compareTo("c") < 0 ? 10 : id.compareTo("f") < 0 ? 11 : 12, INSTANCE, "p");
            written.add(id);
        }

        List<String> read = new ArrayList<>();
        Position at = Position.START;
        for (List<String> page = list(ALL, at, 2); !page.isEmpty(); page = list(ALL, at, 2)) {
            read.addAll(page);
            at = events.position(ALL, page.get(page.size() - 1)).orElseThrow();
        }

        assertThat(read).isEqualTo(written);
    }

    @Test
    void anEventThatTwoBridgesTellIsThereOnce() {
        assertThat(add("a", 10, INSTANCE, "p")).isTrue();
        assertThat(add("a", 20, INSTANCE, "p")).isFalse();

        assertThat(list(ALL, Position.START, 10)).containsExactly("a");
        assertThat(events.position(ALL, "a")).contains(new Position(10, "a"));
    }

    @Test
    void othersEventsAreNotFound() {
        UUID other = UUID.fromString("6d1f0000-0000-4000-8000-000000000002");
        add("a", 10, INSTANCE, "p");
        add("b", 11, other, "q");
        add("c", 12, other, null);

        assertThat(list(new Filter(other, null, 0), Position.START, 10)).containsExactly("b", "c");
        assertThat(list(new Filter(null, "q", 0), Position.START, 10)).containsExactly("b");
        assertThat(list(new Filter(INSTANCE, "q", 0), Position.START, 10)).isEmpty();
        assertThat(events.position(new Filter(null, "q", 0), "a")).isEmpty();
    }

    @Test
    void whoseVmItIsMigrationsTell() {
        new MigrationStore(database, "bridge-1", 1000).begin(StoreTest.planning("m1", 5));

        add("a", 10, INSTANCE, null);

        assertThat(list(new Filter(null, "project", 0), Position.START, 10)).containsExactly("a");
    }

    @Test
    void whatIsTooOldIsForgottenInAsManyStepsAsItTakes() {
        for (int i = 0; i < 5003; i++) {
            add("e" + i, i, INSTANCE, "p");
        }

        assertThat(events.forgetBefore(5001)).isEqualTo(5001);

        assertThat(list(ALL, Position.START, 10)).containsExactly("e5001", "e5002");
        assertThat(events.position(ALL, "e5000")).isEmpty();
    }

    @Test
    void anEventMayBeLongerThanTextTakes() {
        String json = "x".repeat(300_000);

        events.add(new Entry("a", "/here", INSTANCE.toString(), "p", json), 1);

        assertThat(events.list(ALL, Position.START, 1)).containsExactly(json);
    }

    @Test
    void anIdThatDoesNotFitIsAFailureOfTheValue() {
        assertThatThrownBy(() -> add("x".repeat(256), 1, INSTANCE, "p"))
                .isInstanceOfSatisfying(
                        StoreException.class, e -> assertThat(e.isOfValues()).isTrue());
    }
}
