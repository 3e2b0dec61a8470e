package org.splitmem.bridge.store;

import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.splitmem.events.publish.Outbox;

/**
 * What waits for Kafka, in the database that all bridges share. Any thread.
 *
 * <p>One bridge at a time has the lease, and sends; it renews the lease, and when it dies another takes over. The bridges' clocks have to
 * agree to some seconds.
 */
public final class OutboxStore implements Outbox {
    /** Longer than Kafka's client tries to send, so that no other bridge takes over meanwhile and sends the same. */
    static final Duration LEASE_LASTS = Duration.ofSeconds(30);

    /** How many rows a statement names. */
    private static final int NAMED_AT_ONCE = 256;

    private static final int DELETED_AT_ONCE = 5000;

    private final Database database;
    private final String bridge;
    private final Clock clock;

    /** @param bridge name of this one, different from all others' */
    public OutboxStore(Database database, String bridge, Clock clock) {
        this.database = database;
        this.bridge = bridge;
        this.clock = clock;
    }

    /** Has an event wait. @return false if it is there already, or was sent not long ago */
    public boolean add(Lane lane, EventStore.Entry entry) {
        return database.insert(
                "INSERT INTO outbox (lane, id, source, instance_uuid, event) VALUES (?, ?, ?, ?, ?)",
                word(lane),
                entry.id(),
                entry.source(),
                entry.instance(),
                entry.json());
    }

    @Override
    public Lease lease() {
        long now = clock.millis();
        long until = now + LEASE_LASTS.toMillis();
        // Its own lease a bridge may renew also when it has run out: as long as its name is there no other has held it.
        if (1 == database.update("UPDATE outbox_lease SET lease_until_ms = ? WHERE lease_owner = ?", until, bridge)) {
            return Lease.RENEWED;
        }
        boolean taken = 1
                == database.update(
                        "UPDATE outbox_lease SET lease_owner = ?, lease_until_ms = ? WHERE lease_until_ms < ?",
                        bridge,
                        until,
                        now);
        return taken ? Lease.TAKEN : Lease.OTHERS;
    }

    @Override
    public void release() {
        database.update("UPDATE outbox_lease SET lease_owner = '', lease_until_ms = 0 WHERE lease_owner = ?", bridge);
    }

    @Override
    public List<Waiting> waiting(Lane lane, int most) {
        return database.query(
                "SELECT number, instance_uuid, event FROM outbox WHERE lane = ? AND sent_us IS NULL"
                        + " ORDER BY number LIMIT ?",
                row -> new Waiting(row.getLong("number"), row.getString("instance_uuid"), row.getString("event")),
                word(lane),
                most);
    }

    @Override
    public long count(Lane lane) {
        return database.query(
                        "SELECT COUNT(*) AS n FROM outbox WHERE lane = ? AND sent_us IS NULL",
                        row -> row.getLong("n"),
                        word(lane))
                .get(0);
    }

    @Override
    public Map<String, Long> dropped(Set<String> keys) {
        Map<String, Long> dropped = new HashMap<>();
        for (List<String> some : parts(keys)) {
            database.query(
                            "SELECT instance_uuid, dropped FROM outbox_drops WHERE instance_uuid IN (" + marks(some)
                                    + ")",
                            row -> Map.entry(row.getString("instance_uuid"), row.getLong("dropped")),
                            some.toArray())
                    .forEach(one -> dropped.put(one.getKey(), one.getValue()));
        }
        return dropped;
    }

    @Override
    public void sent(Collection<Long> numbers, Map<String, Long> told) {
        long now = TimeUnit.MILLISECONDS.toMicros(clock.millis());
        database.transaction(() -> {
            for (List<Long> some : parts(numbers)) {
                List<Object> parameters = new ArrayList<>(List.of(now));
                parameters.addAll(some);
                database.update(
                        "UPDATE outbox SET sent_us = ?, event = '' WHERE sent_us IS NULL AND number IN (" + marks(some)
                                + ")",
                        parameters.toArray());
            }
            told.forEach((key, n) ->
                    database.update("UPDATE outbox_drops SET dropped = dropped - ? WHERE instance_uuid = ?", n, key));
            if (!told.isEmpty()) {
                database.update("DELETE FROM outbox_drops WHERE dropped <= 0");
            }
            return true;
        });
    }

    @Override
    public void refused(Collection<Long> numbers) {
        parts(numbers).forEach(this::delete);
    }

    private int delete(List<Long> numbers) {
        return database.update(
                "DELETE FROM outbox WHERE sent_us IS NULL AND number IN (" + marks(numbers) + ")", numbers.toArray());
    }

    /** One part after the other, each with its count in one transaction. */
    @Override
    public long drop(Lane lane, long most) {
        long dropped = 0;
        while (dropped < most) {
            int part = (int) Math.min(NAMED_AT_ONCE, most - dropped);
            int some = dropSome(lane, part);
            dropped += some;
            if (some < part) {
                break;
            }
        }
        return dropped;
    }

    private int dropSome(Lane lane, int most) {
        List<Waiting> oldest = waiting(lane, most);
        database.transaction(() -> {
            parts(oldest.stream().map(Waiting::number).toList()).forEach(this::delete);
            if (lane == Lane.SAMPLES) {
                Map<String, Long> byKey = new HashMap<>();
                oldest.forEach(one -> byKey.merge(one.key(), 1L, Long::sum));
                byKey.forEach(this::countDropped);
            }
            return true;
        });
        return oldest.size();
    }

    private void countDropped(String key, long n) {
        String add = "UPDATE outbox_drops SET dropped = dropped + ? WHERE instance_uuid = ?";
        if (database.update(add, n, key) == 0
                && !database.insert("INSERT INTO outbox_drops (instance_uuid, dropped) VALUES (?, ?)", key, n)) {
            database.update(add, n, key); // another bridge inserted it in between
        }
    }

    /** Forgets what was sent before that time, in microseconds since 1970. @return how many events that were */
    public long forgetSentBefore(long us) {
        long all = 0;
        for (Lane lane : Lane.values()) {
            int some;
            do {
                some = database.update(
                        "DELETE FROM outbox WHERE lane = ? AND sent_us < ? LIMIT " + DELETED_AT_ONCE, word(lane), us);
                all += some;
            } while (some == DELETED_AT_ONCE);
        }
        return all;
    }

    private static String word(Lane lane) {
        return lane.name().toLowerCase(Locale.ROOT);
    }

    private static <T> List<List<T>> parts(Collection<T> all) {
        List<T> list = List.copyOf(all);
        List<List<T>> parts = new ArrayList<>();
        for (int from = 0; from < list.size(); from += NAMED_AT_ONCE) {
            parts.add(list.subList(from, Math.min(list.size(), from + NAMED_AT_ONCE)));
        }
        return parts;
    }

    private static String marks(Collection<?> values) {
        return String.join(", ", Collections.nCopies(values.size(), "?"));
    }
}
