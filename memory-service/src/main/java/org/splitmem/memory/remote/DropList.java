package org.splitmem.memory.remote;

import java.util.Arrays;
import org.splitmem.memory.wire.RunList;

/**
 * Pages of which a memory server's copy is stale, until that is sent. A daemon has a list for each sub-host of each VM: it has room for as
 * many as have lately waited at once. Any thread: the fault path adds while a page-out waits.
 */
final class DropList {
    /** Some seconds' worth of page-ins. */
    static final int MOST = 16_384;

    static final int LEAST_ROOM = 256;

    // Guarded by this.
    private int[] pages = new int[LEAST_ROOM]; // a VM has at most 2^29
    private int count;
    /** The most that have waited at once since the list was last empty. */
    private int most;

    /** @return false if there are {@value #MOST} already */
    synchronized boolean add(long page) {
        if (count == pages.length) {
            if (count == MOST) {
                return false;
            }
            pages = Arrays.copyOf(pages, count * 2);
        }
        pages[count++] = (int) page;
        most = Math.max(most, count);
        return true;
    }

    synchronized boolean isEmpty() {
        return count == 0;
    }

    /** Moves the oldest ones to a list, as many as it takes: in their order, in which pages that were gathered are long runs. */
    synchronized void takeInto(RunList list) {
        int taken = 0;
        while (taken < count && !list.isFull()) {
            list.add(pages[taken++]);
        }
        count -= taken;
        System.arraycopy(pages, taken, pages, 0, count);
        if (count == 0) {
            shrink();
        }
    }

    /** By half at a time: a VM that pages all the time is not to allocate all the time. */
    private void shrink() {
        if (pages.length > LEAST_ROOM && most <= pages.length / 4) {
            pages = new int[pages.length / 2];
        }
        most = 0;
    }

    /** How many it can hold without allocating. */
    synchronized int room() {
        return pages.length;
    }
}
