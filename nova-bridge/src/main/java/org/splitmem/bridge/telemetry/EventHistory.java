package org.splitmem.bridge.telemetry;

import java.time.Clock;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.store.Database;
import org.splitmem.bridge.store.EventStore;
import org.splitmem.bridge.store.OutboxStore;
import org.splitmem.bridge.store.StoreException;
import org.splitmem.events.Event;
import org.splitmem.events.Topic;
import org.splitmem.events.cloud.CloudJson;
import org.splitmem.events.publish.Outbox.Lane;

/**
 * Writes events to the database: to the history, and to the outbox if there is a Kafka; samples of paging to the outbox alone.
 *
 * <p>Within {@link #together} an event is written in the transaction of the change that it tells of. Any other is written at once as well; if
 * the database does not take it, it waits in memory. Those that find no place there, and those that wait when the process dies, are lost, and
 * counted.
 */
public final class EventHistory implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EventHistory.class);
    private static final int MOST_WAITING = 4096;
    /** The rest of the room is for what is not sampled. */
    private static final int MOST_BEFORE_SAMPLES = MOST_WAITING / 2;
    /** How many are written in one transaction, which costs the database as much as a single event does. */
    private static final int WRITTEN_AT_ONCE = 256;

    private final Database database;
    private final EventStore store;
    private final @Nullable OutboxStore outbox;
    private final Duration keep;
    private final Duration keepSent;
    private final Clock clock;
    private final BlockingQueue<Event> waiting = new LinkedBlockingQueue<>(MOST_WAITING);
    private final AtomicLong lost = new AtomicLong();
    private final AtomicLong lastUs = new AtomicLong();
    private final Map<Topic, LongAdder> written = new EnumMap<>(Topic.class);
    private volatile boolean away;

    /**
     * Writes to a database.
     *
     * @param outbox absent: there is no Kafka
     * @param keep how long the history keeps an event
     * @param interval between samples of paging, which another bridge may write a second time that much later
     */
    public EventHistory(
            Database database, @Nullable OutboxStore outbox, Duration keep, Duration interval, Clock clock) {
        this.database = database;
        this.store = new EventStore(database);
        this.outbox = outbox;
        this.keep = keep;
        this.keepSent = interval.multipliedBy(2).plusMinutes(10);
        this.clock = clock;
        for (Topic topic : Topic.values()) {
            written.put(topic, new LongAdder());
        }
    }

    /** As {@link org.splitmem.bridge.migration.Telemetry#together}. */
    boolean together(BooleanSupplier work) {
        if (!database.isInTransaction() && !waiting.isEmpty()) {
            write(); // or what is told now would overtake what waits
        }
        return database.transaction(work);
    }

    /** Any thread. @throws StoreException only within {@link #together}, which must not change anything then */
    void tell(Event event) {
        if (database.isInTransaction()) {
            insert(event);
        } else if (!waiting.offer(event)) {
            lose(event, MOST_WAITING + " others wait for the database");
        } else {
            tryToWrite();
        }
    }

    /** Samples of paging. Any thread. */
    void tellSamples(List<Event> samples) {
        for (Event sample : samples) {
            if (waiting.size() >= MOST_BEFORE_SAMPLES || !waiting.offer(sample)) {
                lose(sample, MOST_BEFORE_SAMPLES + " events wait for the database");
            }
        }
        tryToWrite();
    }

    /** Not while the database is away: nobody who tells is to wait for it again and again. */
    private void tryToWrite() {
        if (away) {
            return;
        }
        try {
            write();
        } catch (StoreException e) {
            log.warn("events wait in memory: {}", e.getMessage());
        }
    }

    /** Writes what waits. @throws StoreException if the database is away; what it did not take waits on */
    public synchronized void write() {
        boolean all = false;
        try {
            while (!waiting.isEmpty()) {
                writeSome(waiting.stream().limit(WRITTEN_AT_ONCE).toList());
            }
            all = true;
        } finally {
            away = !all;
        }
    }

    private void writeSome(List<Event> some) {
        try {
            database.transaction(() -> {
                some.forEach(this::insert);
                return true;
            });
            some.forEach(event -> waiting.remove());
        } catch (StoreException e) {
            if (!e.isOfOthers()) {
                throw e;
            }
            // Another bridge wrote the same in another order. One by one nothing waits for each other.
            for (Event event : some) {
                database.transaction(() -> {
                    insert(event);
                    return true;
                });
                waiting.remove();
            }
        }
    }

    /** In a transaction. */
    private void insert(Event event) {
        try {
            EventStore.Entry entry = entry(event);
            boolean isSample = event.topic() == Topic.PAGING;
            boolean isNew = isSample || store.add(entry, nextUs());
            if (isNew && outbox != null) {
                isNew = outbox.add(isSample ? Lane.SAMPLES : Lane.KEPT, entry);
            }
            if (isNew) {
                counter(event.topic()).increment();
            }
        } catch (StoreException e) {
            if (!e.isOfValues()) {
                throw e;
            }
            lose(event, e.getMessage()); // or all that follow would wait behind it for ever
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
        long now = micros(clock.millis());
        return lastUs.updateAndGet(last -> Math.max(last + 1, now));
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
        if (outbox != null) {
            long sent = outbox.forgetSentBefore(micros(clock.millis() - keepSent.toMillis()));
            log.debug("{} rows of the outbox that were sent are deleted", sent);
        }
    }

    private void lose(Event event, @Nullable String why) {
        lost.incrementAndGet();
        log.error("event {} of {} is lost: {}", event.id(), event.key(), why);
    }

    private LongAdder counter(Topic topic) {
        LongAdder counter = written.get(topic);
        if (counter == null) {
            throw new IllegalStateException("no counter for " + topic);
        }
        return counter;
    }

    /** Events that the database has not taken yet. */
    public int waiting() {
        return waiting.size();
    }

    /** Events that it will never have. */
    public long lost() {
        return lost.get();
    }

    /** Events of a topic that this bridge wrote; those that another had written before do not count. */
    public long written(Topic topic) {
        return counter(topic).sum();
    }

    /** Writes what waits, if it can. */
    @Override
    public void close() {
        try {
            write();
        } catch (StoreException e) {
            log.error("{} events are lost: {}", waiting.size(), e.getMessage());
        }
    }
}
