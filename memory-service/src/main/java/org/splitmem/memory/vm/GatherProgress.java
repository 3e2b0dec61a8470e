package org.splitmem.memory.vm;

import org.jspecify.annotations.Nullable;
import org.splitmem.model.GatherInfo;

/** How fast a VM is gathered, smoothed over some seconds. Any thread. */
final class GatherProgress {
    private static final long TURN_NS = 500_000_000L;
    /** Of the newest measurement. */
    private static final double WEIGHT = 0.4;

    // Guarded by this.
    private long bytes;
    private long atNs;
    private double rate = -1;

    GatherProgress(long nowNs) {
        this.atNs = nowNs;
    }

    /** Nothing is gathered now, so that the next rate is that of the next time. */
    synchronized void rest(long came, long nowNs) {
        bytes = came;
        atNs = nowNs;
        rate = -1;
    }

    /**
     * To be called now and then.
     *
     * @param came bytes until now
     */
    synchronized void turn(long came, long nowNs) {
        long ns = nowNs - atNs;
        if (ns < TURN_NS) {
            return;
        }
        double latest = (came - bytes) * 1e9 / ns;
        rate = rate < 0 ? latest : rate + WEIGHT * (latest - rate);
        bytes = came;
        atNs = nowNs;
    }

    synchronized GatherInfo info(long left, long limit, @Nullable String trouble) {
        long perSecond = Math.max(0, Math.round(rate));
        Long eta = perSecond == 0 ? null : (left + perSecond - 1) / perSecond;
        return new GatherInfo(left, perSecond, eta, limit == 0 ? null : limit, trouble);
    }
}
