package org.splitmem.memory.vm;

import org.jspecify.annotations.Nullable;

/** How fast pages go in bulk, smoothed over some seconds. Any thread. */
public final class BulkProgress {
    private static final long TURN_NS = 500_000_000L;
    /** Of the newest measurement. */
    private static final double WEIGHT = 0.4;

    // Guarded by this.
    private long bytes;
    private long atNs;
    private double rate = -1;

    public BulkProgress(long nowNs) {
        this.atNs = nowNs;
    }

    /** Nothing goes now, so that the next rate is that of the next time. */
    public synchronized void rest(long came, long nowNs) {
        bytes = came;
        atNs = nowNs;
        rate = -1;
    }

    /**
     * To be called now and then.
     *
     * @param came bytes until now
     */
    public synchronized void turn(long came, long nowNs) {
        long ns = nowNs - atNs;
        if (ns < TURN_NS) {
            return;
        }
        double latest = (came - bytes) * 1e9 / ns;
        rate = rate < 0 ? latest : rate + WEIGHT * (latest - rate);
        bytes = came;
        atNs = nowNs;
    }

    /** 0 also while nothing is known yet. */
    public synchronized long bytesPerSecond() {
        return Math.max(0, Math.round(rate));
    }

    /** @return null while nothing comes */
    public @Nullable Long etaSeconds(long left) {
        long perSecond = bytesPerSecond();
        return perSecond == 0 ? null : (left + perSecond - 1) / perSecond;
    }
}
