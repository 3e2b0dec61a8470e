package org.splitmem.memory.stream;

import java.util.concurrent.locks.LockSupport;

/** Spreads bytes over time for all streams of a migration together. Any thread. */
public final class RateLimiter {
    /** How far a burst may run ahead of the rate. */
    private static final long BURST_NS = 10_000_000L;

    /** So soon a thread that waits notices that it need not. */
    private static final long LOOK_NS = 100_000_000L;

    private volatile boolean ended;
    private final double nsPerByte;
    private long freeAtNs = System.nanoTime(); // guarded by this: when everything granted so far has passed

    /** @param bytesPerSecond 0: no limit */
    public RateLimiter(long bytesPerSecond) {
        if (bytesPerSecond < 0) {
            throw new IllegalArgumentException("a rate cannot be negative: " + bytesPerSecond);
        }
        this.nsPerByte = bytesPerSecond == 0 ? 0 : 1e9 / bytesPerSecond;
    }

    /** Waits until the bytes may be sent, or {@link #end} is called. */
    public void acquire(long bytes) {
        if (nsPerByte == 0) {
            return;
        }
        long startNs = reserve(bytes, System.nanoTime());
        long waitNs;
        while ((waitNs = startNs - System.nanoTime()) > 0 && !ended) {
            LockSupport.parkNanos(Math.min(waitNs, LOOK_NS));
        }
    }

    /** Nobody waits any more: whatever was sent is aborted. At a low rate one frame is worth minutes. Any thread. */
    public void end() {
        ended = true;
    }

    /** For one that waits itself. @return when the bytes may go */
    public synchronized long reserve(long bytes, long nowNs) {
        long startNs = Math.max(freeAtNs, nowNs - BURST_NS);
        freeAtNs = startNs + (long) (bytes * nsPerByte);
        return startNs;
    }
}
