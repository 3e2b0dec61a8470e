package org.splitmem.memory.fault;

import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import org.splitmem.memory.linux.Errno;
import org.splitmem.memory.linux.LinuxException;

/**
 * Faults that could not be answered, for want of memory say. After a pause, which grows as long as they fail, their threads are woken, and
 * fault again. Confined to the pager's thread.
 */
final class FailedFaults {
    /** Of different pages: as many as a large guest has vCPUs. */
    static final int MOST = 256;

    static final long FIRST_PAUSE_NS = 5_000_000L;
    static final long LAST_PAUSE_NS = 500_000_000L;

    /** Whether it is this host that lacks something. All else may be a hostile QEMU's doing, as what it has unmapped or unregistered. */
    static boolean isShortage(Exception why) {
        return why instanceof LinuxException call && (call.errno() == Errno.ENOMEM || call.errno() == Errno.ENOSPC);
    }

    private final long[] pages = new long[MOST];
    private int count;
    private long pauseNs = FIRST_PAUSE_NS;
    private long dueNs;

    /** Only unless this {@link #isFull}. */
    void add(long page, long nowNs) {
        if (count == 0) {
            boolean again = nowNs - dueNs < pauseNs; // dueNs: when the last ones were woken
            pauseNs = again ? Math.min(pauseNs * 2, LAST_PAUSE_NS) : FIRST_PAUSE_NS;
            dueNs = nowNs + pauseNs;
        }
        pages[count++] = page;
    }

    boolean isFull() {
        return count == MOST;
    }

    /** How long the pager may wait for other faults, as poll(2) takes it; -1: for ever. */
    int waitMs(long nowNs) {
        if (count == 0) {
            return -1;
        }
        return (int) TimeUnit.NANOSECONDS.toMillis(leftNs(nowNs) + 999_999);
    }

    /** Until they are due; 0 if they are. */
    long leftNs(long nowNs) {
        return count == 0 ? 0 : Math.max(0, dueNs - nowNs);
    }

    /** @param wake told each page whose fault is due: what waits for it is to fault again */
    void wakeDue(long nowNs, LongConsumer wake) {
        if (count == 0 || nowNs - dueNs < 0) {
            return;
        }
        for (int i = 0; i < count; i++) {
            wake.accept(pages[i]);
        }
        count = 0;
        dueNs = nowNs;
    }
}
