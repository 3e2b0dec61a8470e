package org.splitmem.events.publish;

import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.events.publish.Outbox.Lane;

/**
 * Sends to Kafka what waits in the outbox, for as long as it takes, while it holds the outbox's lease. One thread.
 *
 * <p>Per VM and lane, events arrive in the order in which they were written, each at least once; one that arrives twice has the same id.
 * Over the bound the oldest events are dropped, samples first: that is logged and counted.
 */
public final class EventPublisher implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(EventPublisher.class);
    private static final long MIN_PAUSE_MS = 100;
    private static final long MAX_PAUSE_MS = 5000;
    /** This part of the bound is dropped beyond what has to be, so that each drop makes room for a while. */
    private static final int DROPPED_PART = 32;

    private final Outbox outbox;
    private final EventSink sink;
    private final long maxWaiting;
    private final Rhythm rhythm;
    private final PublisherMetrics metrics;
    private final LaneSender kept;
    private final LaneSender samples;
    private final Thread thread;
    private final CountDownLatch closing = new CountDownLatch(1);
    // The rest is the thread's.
    private boolean leads;
    private boolean complained;
    private long leaseTriedNs;
    private long countedNs;

    /**
     * How often the outbox is looked at.
     *
     * @param idleMs for events, while there are none
     * @param leaseMs for the lease, much less than it lasts
     * @param boundMs for the number of events that wait
     */
    public record Rhythm(long idleMs, long leaseMs, long boundMs) {
        public static final Rhythm DEFAULT = new Rhythm(250, 2_000, 5_000);
    }

    private enum Round {
        IDLE,
        WORKED,
        FAILED
    }

    /** Starts to send what waits. A broker or an outbox that is away is no error. */
    public EventPublisher(PublisherConfig config, Outbox outbox, MeterRegistry registry) {
        this(outbox, new KafkaSink(config), config.maxWaiting(), Rhythm.DEFAULT, registry);
    }

    /** Sends to another sink than Kafka. */
    public EventPublisher(Outbox outbox, EventSink sink, long maxWaiting, Rhythm rhythm, MeterRegistry registry) {
        this.outbox = outbox;
        this.sink = sink;
        this.maxWaiting = maxWaiting;
        this.rhythm = rhythm;
        this.metrics = new PublisherMetrics(registry);
        this.kept = new LaneSender(outbox, Lane.KEPT, sink, metrics);
        this.samples = new LaneSender(outbox, Lane.SAMPLES, sink, metrics);
        long now = System.nanoTime();
        this.leaseTriedNs = now - TimeUnit.MILLISECONDS.toNanos(rhythm.leaseMs());
        this.countedNs = now;
        this.thread = new Thread(this::run, "event-sender");
        thread.setDaemon(true);
        thread.start();
    }

    private void run() {
        long pauseMs = MIN_PAUSE_MS;
        while (closing.getCount() > 0) {
            Round round = round();
            if (round == Round.FAILED) {
                pause(pauseMs);
                pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2);
            } else {
                pauseMs = MIN_PAUSE_MS;
                if (round == Round.IDLE) {
                    pause(rhythm.idleMs());
                }
            }
        }
    }

    private Round round() {
        try {
            if (!holdsLease()) {
                return Round.IDLE;
            }
            keepBound();
            // A step of each by turns: neither lane waits for all of the other.
            List<LaneSender.Step> steps = List.of(kept.step(), samples.step());
            if (complained) {
                complained = false;
                log.info("the outbox is there again");
            }
            return judge(steps);
        } catch (RuntimeException e) { // the sender must not end: nothing would send any more
            metrics.failures().increment();
            if (!complained) {
                complained = true;
                log.error("events cannot be read from the outbox, or marked in it; trying again", e);
            }
            return Round.FAILED;
        }
    }

    private Round judge(List<LaneSender.Step> steps) {
        Round round = Round.IDLE;
        for (LaneSender.Step step : steps) {
            switch (step) {
                case NOTHING_TO_DO -> {}
                case DONE -> round = Round.WORKED;
                case PARTLY -> {
                    metrics.failures().increment();
                    round = Round.WORKED;
                }
                case FAILED -> {
                    metrics.failures().increment();
                    round = round == Round.WORKED ? round : Round.FAILED;
                }
            }
        }
        return round;
    }

    private boolean holdsLease() {
        if (!isDue(leaseTriedNs, rhythm.leaseMs())) {
            return leads;
        }
        Outbox.Lease lease = outbox.lease();
        leaseTriedNs = System.nanoTime();
        boolean now = lease != Outbox.Lease.OTHERS;
        if (lease != Outbox.Lease.RENEWED) {
            kept.readAgain();
            samples.readAgain();
        }
        if (now != leads) {
            log.info(now ? "this bridge sends the events to Kafka" : "another bridge sends the events to Kafka");
            countedNs = System.nanoTime() - TimeUnit.MILLISECONDS.toNanos(rhythm.boundMs());
        }
        leads = now;
        metrics.leads(now);
        return now;
    }

    private void keepBound() {
        if (!isDue(countedNs, rhythm.boundMs())) {
            return;
        }
        long keptNow = outbox.count(Lane.KEPT);
        long samplesNow = outbox.count(Lane.SAMPLES);
        long excess = keptNow + samplesNow - maxWaiting;
        if (excess > 0) {
            excess += maxWaiting / DROPPED_PART;
            long dropped = samplesNow == 0 ? 0 : drop(Lane.SAMPLES, excess);
            samplesNow -= dropped;
            if (keptNow + samplesNow > maxWaiting) {
                keptNow -= drop(Lane.KEPT, excess - dropped);
            }
        }
        metrics.waiting(Lane.KEPT, keptNow);
        metrics.waiting(Lane.SAMPLES, samplesNow);
        countedNs = System.nanoTime();
    }

    private long drop(Lane lane, long most) {
        (lane == Lane.KEPT ? kept : samples).readAgain();
        long dropped = outbox.drop(lane, most);
        metrics.dropped(lane).increment((double) dropped);
        if (lane == Lane.SAMPLES) {
            log.warn(
                    "more than {} events wait for Kafka: the {} oldest paging samples were dropped; the next sample"
                            + " of each VM says how many of its own",
                    maxWaiting,
                    dropped);
        } else {
            log.error(
                    "more than {} events wait for Kafka, and no samples: the {} oldest were dropped, and Kafka will"
                            + " never have them; GET /v1/events still shows them",
                    maxWaiting,
                    dropped);
        }
        return dropped;
    }

    private static boolean isDue(long lastNs, long everyMs) {
        return System.nanoTime() - lastNs >= TimeUnit.MILLISECONDS.toNanos(everyMs);
    }

    private void pause(long ms) {
        try {
            boolean unused = closing.await(ms, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            closing.countDown(); // only one who wants it to end interrupts
        }
    }

    /** Stops to send; what is left waits for the next publisher, also in another process. Takes some seconds if the broker hangs. */
    @Override
    public void close() {
        closing.countDown();
        try {
            thread.join(TimeUnit.SECONDS.toMillis(2));
            sink.close(); // ends a send under way
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        metrics.remove();
        try {
            outbox.release();
        } catch (RuntimeException e) {
            log.warn("another bridge will send the events only when this one's lease has run out: {}", e.getMessage());
        }
    }
}
