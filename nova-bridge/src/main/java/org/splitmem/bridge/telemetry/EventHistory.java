package org.splitmem.bridge.telemetry;

import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.store.EventStore;
import org.splitmem.bridge.store.StoreException;
import org.splitmem.events.Event;
import org.splitmem.events.cloud.CloudJson;

/**
 * Keeps what is told in the database. {@link #tell} only queues: whoever migrates never waits for the database.
 *
 * <p>While the database is away events wait in memory. Those that find no place there, and those that wait when the process dies, are missing
 * in the history; Kafka gets them all the same.
 */
public final class EventHistory implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EventHistory.class);
    private static final int MOST_WAITING = 4096;

    private final EventStore store;
    private final Duration keep;
    private final Clock clock;
    private final BlockingQueue<Event> waiting = new LinkedBlockingQueue<>(MOST_WAITING);
    private final AtomicLong lost = new AtomicLong();
    private long lastUs; // guarded by this

    /** @param keep how long */
    public EventHistory(EventStore store, Duration keep, Clock clock) {
        this.store = store;
        this.keep = keep;
        this.clock = clock;
    }

    /** Any thread. */
    void tell(Event event) {
        if (!waiting.offer(event)) {
            lose(event, MOST_WAITING + " others wait for the database");
        }
    }

    /** Writes what waits. @throws StoreException if the database is away; what it did not take waits on */
    public synchronized void write() {
        for (Event event = waiting.peek(); event != null; event = waiting.peek()) {
            try {
                store.add(entry(event), nextUs());
            } catch (StoreException e) {
                if (!e.isOfValues()) {
                    throw e;
                }
                lose(event, e.getMessage()); // or all that follow would wait behind it for ever
            }
            waiting.remove();
        }
    }

    private static EventStore.Entry entry(Event event) {
        return new EventStore.Entry(
                event.id(),
                event.source(),
                event.key(),
                event.data().path("projectId").asText(null),
                CloudJson.writeText(event));
    }

    /** Of one bridge each is greater than the one before, so that events stay in the order in which they were told. */
    private long nextUs() {
        lastUs = Math.max(lastUs + 1, micros(clock.millis()));
        return lastUs;
    }

    private static long micros(long ms) {
        return TimeUnit.MILLISECONDS.toMicros(ms);
    }

    /** Drops from the database what is older than it is to be kept. @throws StoreException if it is away */
    public void forget() {
        long before = store.forgetBefore(micros(clock.millis() - keep.toMillis()));
        if (before > 0) {
            log.info("{} events of more than {} days ago were forgotten", before, keep.toDays());
        }
    }

    private void lose(Event event, @Nullable String why) {
        lost.incrementAndGet();
        log.error("event {} of {} is missing in the history: {}", event.id(), event.key(), why);
    }

    /** Events that the database has not taken yet. */
    public int waiting() {
        return waiting.size();
    }

    /** Events that it will never have. */
    public long lost() {
        return lost.get();
    }

    /** Writes what waits, if it can. */
    @Override
    public void close() {
        try {
            write();
        } catch (StoreException e) {
            log.error("{} events are missing in the history: {}", waiting.size(), e.getMessage());
        }
    }
}
