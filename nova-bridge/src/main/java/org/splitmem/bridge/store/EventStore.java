package org.splitmem.bridge.store;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What was told, for some days. Any thread. */
public final class EventStore {
    /** How many go at once, so that no other statement waits long for them. */
    private static final int DELETED_AT_ONCE = 5000;

    private final Database database;

    public EventStore(Database database) {
        this.database = database;
    }

    /**
     * An event.
     *
     * @param instance uuid of the VM that it is about
     * @param project whose VM that is; absent if the event does not say
     * @param json all of it, as CloudEvents have it
     */
    public record Entry(
            String id,
            String source,
            String instance,
            @Nullable String project,
            String json) {}

    /**
     * Which events are wanted.
     *
     * @param instance absent: of all
     * @param project absent: of all
     * @param sinceUs recorded at this time or later, in microseconds since 1970
     */
    public record Filter(@Nullable UUID instance, @Nullable String project, long sinceUs) {}

    /** Where an event stands among all. */
    public record Position(long recordedUs, String id) {
        /** Before all events. */
        public static final Position START = new Position(Long.MIN_VALUE, "");
    }

    /**
     * Keeps an event. Of one that does not say whose VM it is about, that is taken from the VM's record, or its migrations.
     *
     * @return false if it is there already
     */
    public boolean add(Entry entry, long recordedUs) {
        return database.insert(
                "INSERT INTO events (id, source, recorded_us, instance_uuid, project_id, event) VALUES (?, ?, ?, ?, ?, ?)",
                entry.id(),
                entry.source(),
                recordedUs,
                entry.instance(),
                entry.project() != null ? entry.project() : projectOf(entry.instance()),
                entry.json());
    }

    /** Not within the INSERT: there MariaDB would lock the rows that it reads, which other transactions are changing. */
    private @Nullable String projectOf(String instance) {
        for (String table : List.of("vms", "migrations")) {
            List<String> found = database.query(
                    "SELECT project_id FROM " + table + " WHERE instance_uuid = ? LIMIT 1",
                    row -> row.getString("project_id"),
                    instance);
            if (!found.isEmpty()) {
                return found.get(0);
            }
        }
        return null;
    }

    /** Oldest first, as JSON. */
    public List<String> list(Filter filter, Position after, int most) {
        // The second condition says all; the first is what an index can look up.
        return select(
                "event",
                "recorded_us >= ? AND (recorded_us > ? OR (recorded_us = ? AND id > ?))",
                List.of(
                        Math.max(filter.sinceUs(), after.recordedUs()),
                        after.recordedUs(),
                        after.recordedUs(),
                        after.id()),
                filter,
                most,
                row -> row.getString("event"));
    }

    /** Where the event of that id stands; absent if there is none such, or no longer. */
    public Optional<Position> position(Filter filter, String id) {
        return select(
                        "recorded_us, id",
                        "id = ?",
                        List.of(id),
                        filter,
                        1,
                        row -> new Position(row.getLong("recorded_us"), row.getString("id")))
                .stream()
                .findFirst();
    }

    private <T> List<T> select(
            String what, String where, List<Object> first, Filter filter, int most, Database.RowReader<T> reader) {
        StringBuilder sql = new StringBuilder("SELECT " + what + " FROM events WHERE " + where);
        List<@Nullable Object> parameters = new ArrayList<>(first);
        UUID instance = filter.instance();
        if (instance != null) {
            sql.append(" AND instance_uuid = ?");
            parameters.add(instance.toString());
        }
        if (filter.project() != null) {
            sql.append(" AND project_id = ?");
            parameters.add(filter.project());
        }
        parameters.add(most);
        return database.query(sql + " ORDER BY recorded_us, id LIMIT ?", reader, parameters.toArray());
    }

    /** Forgets what was recorded before that time, in microseconds since 1970. @return how many events that were */
    public long forgetBefore(long us) {
        long all = 0;
        int some;
        do {
            some = database.update("DELETE FROM events WHERE recorded_us < ? LIMIT " + DELETED_AT_ONCE, us);
            all += some;
        } while (some == DELETED_AT_ONCE);
        return all;
    }
}
