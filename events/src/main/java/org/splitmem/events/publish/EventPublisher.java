package org.splitmem.events.publish;

import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.events.Event;
import org.splitmem.events.Topic;
import org.splitmem.events.cloud.CloudJson;
import org.splitmem.events.spool.Spool;
import org.splitmem.events.spool.Spool.LaneName;

/**
 * Tells events to Kafka. {@link #publish} writes to the spool and returns; one thread sends from there, for as long as it takes.
 *
 * <p>Per VM and topic events arrive in the order in which they were published, each at least once; one that arrives twice has the same
 * id. What is lost is counted: samples that the full spool dropped, and events that could not be written to it.
 */
public final class EventPublisher implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EventPublisher.class);
    private static final long MIN_PAUSE_MS = 100;
    private static final long MAX_PAUSE_MS = 5000;
    private static final Duration COMPLAINT_INTERVAL = Duration.ofSeconds(10);

    private final Spool spool;
    private final EventSink sink;
    private final PublisherMetrics metrics;
    private final List<Outbox> outboxes;
    private final long forceNs;
    private final Thread thread;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private boolean published; // guarded by lock
    private boolean closing; // guarded by lock
    private long complainedNs = Long.MIN_VALUE; // guarded by lock
    private boolean forcePending; // guarded by lock

    /**
     * Opens the spool and starts to send what an earlier process left there.
     *
     * @throws IOException if the spool cannot be opened; a broker that is away is no error
     */
    public EventPublisher(PublisherConfig config, MeterRegistry registry) throws IOException {
        this(config, new KafkaSink(config), registry);
    }

    EventPublisher(PublisherConfig config, EventSink sink, MeterRegistry registry) throws IOException {
        this.spool = new Spool(config.spoolDirectory(), config.spoolBytes());
        this.sink = sink;
        this.metrics = new PublisherMetrics(registry, spool);
        this.forceNs = config.forceInterval().toNanos();
        // What is kept goes first, a step of each by turns: neither waits for all of the other.
        this.outboxes = List.of(
                new Outbox(spool, LaneName.KEPT, sink, metrics), new Outbox(spool, LaneName.SAMPLES, sink, metrics));
        this.thread = new Thread(this::run, "event-sender");
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Tells an event. Waits for no network and never throws: what cannot be written is logged and counted.
     *
     * <p>When it returns, the event survives the death of this process, and after the force interval also that of the host.
     */
    public void publish(Event event) {
        try {
            LaneName lane = event.topic() == Topic.PAGING ? LaneName.SAMPLES : LaneName.KEPT;
            spool.append(lane, event.key(), CloudJson.writeText(event));
            metrics.published(event.topic()).increment();
            signal();
        } catch (IOException | RuntimeException e) {
            metrics.unwritten().increment();
            complain(event, e);
        }
    }

    private void signal() {
        lock.lock();
        try {
            published = true;
            forcePending = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void complain(Event event, Exception e) {
        lock.lock();
        try {
            long now = System.nanoTime();
            if (complainedNs == Long.MIN_VALUE || now - complainedNs > COMPLAINT_INTERVAL.toNanos()) {
                complainedNs = now;
                log.error("event {} of {} is lost, it cannot be written to the spool", event.id(), event.key(), e);
            }
        } finally {
            lock.unlock();
        }
    }

    private void run() {
        long pauseMs = MIN_PAUSE_MS;
        long forcedNs = System.nanoTime();
        while (!isClosing()) {
            boolean worked = false;
            boolean failed = false;
            for (Outbox outbox : outboxes) {
                Outbox.Step step = stepOf(outbox);
                worked |= step == Outbox.Step.DONE || step == Outbox.Step.PARTLY;
                failed |= step == Outbox.Step.FAILED;
            }
            if (System.nanoTime() - forcedNs >= forceNs) {
                forcedNs = System.nanoTime();
                force();
            }
            if (failed && !worked) {
                pause(pauseMs, false);
                pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2);
            } else {
                pauseMs = MIN_PAUSE_MS;
                if (!worked) {
                    pause(Math.max(1, TimeUnit.NANOSECONDS.toMillis(forceNs)), true);
                }
            }
        }
    }

    private Outbox.Step stepOf(Outbox outbox) {
        try {
            Outbox.Step step = outbox.step();
            if (step == Outbox.Step.FAILED || step == Outbox.Step.PARTLY) {
                metrics.failures().increment();
            }
            return step;
        } catch (IOException | RuntimeException e) { // the sender must not end: it would never be noticed
            if (!isClosing()) {
                log.error("events cannot be sent from the spool; trying again", e);
                metrics.failures().increment();
            }
            return Outbox.Step.FAILED;
        }
    }

    private void force() {
        lock.lock();
        try {
            if (!forcePending) {
                return;
            }
            forcePending = false;
        } finally {
            lock.unlock();
        }
        try {
            spool.force();
        } catch (IOException e) {
            log.error("the spool cannot be forced to the disk: what is in it may not survive this host", e);
        }
    }

    private boolean isClosing() {
        lock.lock();
        try {
            return closing;
        } finally {
            lock.unlock();
        }
    }

    /** @param forEvents whether a new event ends the pause */
    private void pause(long ms, boolean forEvents) {
        lock.lock();
        try {
            long left = TimeUnit.MILLISECONDS.toNanos(ms);
            while (left > 0 && !closing && !(forEvents && published)) {
                left = changed.awaitNanos(left);
            }
            published = false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            closing = true; // only close() interrupts
        } finally {
            lock.unlock();
        }
    }

    /** Waits until every event was sent. @return false if the time did not suffice; nothing is lost by that */
    public boolean drain(Duration atMost) throws InterruptedException {
        long deadline = System.nanoTime() + atMost.toNanos();
        while (spool.backlog(LaneName.KEPT) + spool.backlog(LaneName.SAMPLES) > 0) {
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            TimeUnit.MILLISECONDS.sleep(10);
        }
        return true;
    }

    /** Stops to send; what is left stays in the spool for the next publisher. Takes some seconds if the broker hangs. */
    @Override
    public void close() throws IOException {
        lock.lock();
        try {
            closing = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        try {
            thread.join(TimeUnit.SECONDS.toMillis(2));
            sink.close(); // never by an interrupt, which would close the spool's files under it
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        metrics.remove();
        spool.close();
    }
}
