package org.splitmem.memory.fault;

import org.HdrHistogram.AtomicHistogram;
import org.HdrHistogram.Histogram;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyUs;

/**
 * How long the guest waited for page-ins from memory servers. Of late, between one and two windows of a minute: what went
 * slowly at a handover long ago says nothing about now. And altogether, for whoever subtracts two readings.
 *
 * <p>Any thread. Recording allocates nothing, and neither waits for readers nor makes them wait; readers wait for each other.
 * A reading allocates no more than its result: garbage of a daemon that is asked often would stop the guest's page-ins, too.
 */
public final class PageInLatency {
    private static final long MAX_NS = 3_600_000_000_000L;
    /** Exact to 1 us, above 256 us to 1 %: 28 KiB a window. Each further digit would take eight times as much, of each VM. */
    private static final long UNIT_NS = 1_000;

    private static final int DIGITS = 2;
    private static final long WINDOW_NS = 60_000_000_000L;

    private static final long STALL_US = 100_000;

    private final LatencyBuckets all = new LatencyBuckets();
    private volatile AtomicHistogram current = newWindow();

    // Guarded by this.
    private AtomicHistogram before = newWindow();
    private final Histogram both = new Histogram(UNIT_NS, MAX_NS, DIGITS);
    private long windowEndNs;

    /** Begins with an empty window. */
    public PageInLatency(long nowNs) {
        this.windowEndNs = nowNs + WINDOW_NS;
    }

    private static AtomicHistogram newWindow() {
        return new AtomicHistogram(UNIT_NS, MAX_NS, DIGITS);
    }

    void record(long ns) {
        long bounded = Math.min(Math.max(ns, 1), MAX_NS);
        current.recordValue(bounded);
        all.add(bounded);
    }

    /** The latencies of the last one to two windows. */
    public synchronized LatencyUs recent(long nowNs) {
        turn(nowNs);
        both.reset();
        both.add(before);
        both.add(current);
        if (both.getTotalCount() == 0) {
            return LatencyUs.NONE;
        }
        return new LatencyUs(
                both.getTotalCount(),
                both.getValueAtPercentile(50) / 1e3,
                both.getValueAtPercentile(90) / 1e3,
                both.getValueAtPercentile(99) / 1e3,
                both.getMaxValue() / 1e3);
    }

    /** All latencies ever. */
    public LatencyHistogram all() {
        return all.read();
    }

    /** Page-ins that took so long, more than 100 ms, that whoever uses the guest may have noticed. */
    public long stalls() {
        return all.read().longerThan(STALL_US);
    }

    /** Ends the window if it is over. To be called more often than a window lasts: what was in one that ended unseen is forgotten. */
    public synchronized void turn(long nowNs) {
        if (nowNs - windowEndNs < 0) {
            return;
        }
        boolean longAgo = nowNs - windowEndNs >= WINDOW_NS;
        before = longAgo ? newWindow() : current;
        current = newWindow();
        windowEndNs = nowNs + WINDOW_NS;
    }
}
