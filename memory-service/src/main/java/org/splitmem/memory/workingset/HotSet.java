package org.splitmem.memory.workingset;

import java.io.IOException;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.shim.ShimSession;

/**
 * Finds the pages that the guest uses right now, for a migration's plan: everything is zapped, and what is touched within
 * a short window is hot; those are zapped again for the next window, so that a page's score says in how many windows it
 * was used. Needs the pager to answer MINOR faults. Confined to the migration's thread.
 */
public final class HotSet {
    /** A window that finds less than one page in so many newly in use is the last: there is no more to learn. */
    private static final long FEW = 1024;

    private final GuestMemory memory;
    private final PageTable table;
    private final Zapper zapper;
    private final LongConsumer waiting;
    private final long[] pagesByScore = new long[PageEntry.MAX_AGE + 1];

    public HotSet(GuestMemory memory, PageTable table) {
        this(memory, table, HotSet::park);
    }

    /** @param waiting lets the guest run for so many nanoseconds */
    HotSet(GuestMemory memory, PageTable table, LongConsumer waiting) {
        this.waiting = waiting;
        this.memory = memory;
        this.table = table;
        this.zapper = new Zapper(memory, table);
    }

    /** Samples for at most {@code windows} (1 to 7) windows of {@code windowNs}; leaves the scores in the entries' ages. */
    public void sample(ShimSession shim, int windows, long windowNs) throws IOException {
        for (int window = 0; window < windows; window++) {
            long before = touchedPages();
            zapAll(shim);
            waiting.accept(windowNs);
            harvest();
            if (touchedPages() - before <= memory.pages() / FEW) {
                return;
            }
        }
    }

    /** In the first window all pages, later those that were touched in the one before: the others are zapped still. */
    private void zapAll(ShimSession shim) throws IOException {
        for (int backend = 0; backend < memory.backends(); backend++) {
            zapper.zap(shim, memory.firstPage(backend), memory.endPage(backend), (page, entry) -> true);
        }
    }

    private void harvest() {
        Arrays.fill(pagesByScore, 0);
        for (long page = 0; page < memory.pages(); page++) {
            int entry = table.get(page);
            if (PageEntry.state(entry) != PageState.LOCAL) {
                continue;
            }
            if (!PageEntry.has(entry, PageEntry.SAMPLED)) {
                int hotter = PageEntry.withAge(entry, PageEntry.age(entry) + 1);
                table.step(page, entry, hotter);
                entry = hotter;
            }
            pagesByScore[PageEntry.age(entry)]++;
        }
    }

    /** Pages that were touched in any window. */
    public long touchedPages() {
        return Arrays.stream(pagesByScore).skip(1).sum();
    }

    private static void park(long ns) {
        long endNs = System.nanoTime() + ns;
        long leftNs;
        while ((leftNs = endNs - System.nanoTime()) > 0) {
            LockSupport.parkNanos(leftNs);
        }
    }
}
