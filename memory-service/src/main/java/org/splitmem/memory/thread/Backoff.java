package org.splitmem.memory.thread;

import java.util.concurrent.TimeUnit;

/** How long to wait before what has failed is tried again: twice as long with each failure in a row. Confined to a thread, or guarded by its owner. */
public final class Backoff {
    private final long shortestNs;
    private final long longestNs;
    private long nextNs;

    public Backoff(long shortestNs, long longestNs) {
        this.shortestNs = shortestNs;
        this.longestNs = longestNs;
        this.nextNs = shortestNs;
    }

    /** Of what is done with a memory server, apart from the faults of a guest: 1 s, up to 30 s. */
    public static Backoff ofServer() {
        return new Backoff(TimeUnit.SECONDS.toNanos(1), TimeUnit.SECONDS.toNanos(30));
    }

    /** @return how long to wait now, in nanoseconds */
    public long failed() {
        long now = nextNs;
        nextNs = Math.min(2 * nextNs, longestNs);
        return now;
    }

    public void succeeded() {
        nextNs = shortestNs;
    }

    /** Whether nothing has failed since it succeeded, or ever. */
    public boolean isReset() {
        return nextNs == shortestNs;
    }

    public long shortestNs() {
        return shortestNs;
    }
}
