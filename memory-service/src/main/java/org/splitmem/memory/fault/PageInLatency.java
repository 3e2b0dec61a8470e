package org.splitmem.memory.fault;

import java.util.concurrent.atomic.LongAdder;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;

/**
 * How long the guest waited for page-ins from memory servers. Of late, between one and two windows of a minute: what went
 * slowly at a handover long ago says nothing about now. And altogether, for whoever subtracts two readings. Any thread;
 * recording allocates nothing.
 */
public final class PageInLatency {
    private static final long MAX_NS = 3_600_000_000_000L;
    private static final int DIGITS = 3;
    private static final long WINDOW_NS = 60_000_000_000L;

    private static final long STALL_NS = 100_000_000L;

    private final LongAdder stalls = new LongAdder();

    private volatile ConcurrentHistogram current = new ConcurrentHistogram(MAX_NS, DIGITS);
    private ConcurrentHistogram before = new ConcurrentHistogram(MAX_NS, DIGITS); // guarded by this
    private final Histogram earlier = new Histogram(MAX_NS, DIGITS); // the windows before those; guarded by this
    private long windowEndNs; // guarded by this

    /** Begins with an empty window. */
    public PageInLatency(long nowNs) {
        this.windowEndNs = nowNs + WINDOW_NS;
    }

    void record(long ns) {
        if (ns > STALL_NS) {
            stalls.increment();
        }
        current.recordValue(Math.min(Math.max(ns, 1), MAX_NS));
    }

    /** The latencies of the last one to two windows, in nanoseconds; a copy. */
    public synchronized Histogram recent(long nowNs) {
        rotate(nowNs);
        Histogram sum = before.copy();
        sum.add(current);
        return sum;
    }

    /** Page-ins that took so long, more than 100 ms, that whoever uses the guest may have noticed. */
    public long stalls() {
        return stalls.sum();
    }

    /** All latencies ever, in nanoseconds; a copy. */
    public synchronized Histogram all() {
        Histogram sum = earlier.copy();
        sum.add(before);
        sum.add(current);
        return sum;
    }

    private void rotate(long nowNs) {
        if (nowNs - windowEndNs < 0) {
            return;
        }
        boolean longAgo = nowNs - windowEndNs >= WINDOW_NS;
        earlier.add(before);
        if (longAgo) {
            earlier.add(current);
        }
        before = longAgo ? new ConcurrentHistogram(MAX_NS, DIGITS) : current;
        current = new ConcurrentHistogram(MAX_NS, DIGITS);
        windowEndNs = nowNs + WINDOW_NS;
    }
}
