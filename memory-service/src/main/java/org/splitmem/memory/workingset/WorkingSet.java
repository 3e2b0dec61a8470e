package org.splitmem.memory.workingset;

import java.io.IOException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.shim.ShimSession;

/**
 * Ages a VM's local pages by a clock hand: a page that was not touched since the hand came by last grows older, any other
 * is zapped so that the next touch is seen. The cost is bounded by how many pages the hand may pass in a call.
 *
 * <p>Confined to the VM's housekeeping thread.
 */
public final class WorkingSet {
    /** The estimate looks at pages again this many calls after the hand passed them. */
    static final int WINDOW_CALLS = 30;
    /** Pages looked at before there is an estimate; it forgets half of what it knows at sixteen times as many. */
    private static final long LEAST_LOOKED_AT = 256;

    private final GuestMemory memory;
    private final PageTable table;
    private final Zapper zapper;
    private final long[] handAt = new long[WINDOW_CALLS + 1]; // where the hand was before each of the last calls
    private long calls;
    private long hand;
    private long lookedAt;
    private long inUse;

    public WorkingSet(GuestMemory memory, PageTable table) {
        this.memory = memory;
        this.table = table;
        this.zapper = new Zapper(memory, table);
    }

    /** Takes pages that the hand finds cold. */
    public interface Taker {
        /** @return false if it can take no more: the hand stops at this page */
        boolean take(long page, int entry);
    }

    /** Moves the hand over at most {@code pages} pages, and zaps all that were touched. */
    public void sample(ShimSession shim, long pages) throws IOException {
        pass(shim, pages, (page, entry) -> true, false);
    }

    /**
     * Moves the hand over at most {@code pages} pages in search of cold ones, but no further than the taker wants. It spares those
     * that were found in use lately, since it may come round often.
     *
     * @param leastAge at least 1: visits in a row without a touch, this one included, from which on a page is cold
     * @return pages passed
     */
    public long reclaim(ShimSession shim, long pages, int leastAge, Taker taker) throws IOException {
        return pass(shim, pages, (page, entry) -> PageEntry.age(entry) < leastAge || taker.take(page, entry), true);
    }

    private long pass(ShimSession shim, long pages, Taker untouched, boolean sparing) throws IOException {
        long left = Math.min(pages, memory.pages());
        long passed = 0;
        boolean wanted = true;
        while (left > 0 && wanted) {
            long end = memory.endOfPart(hand, hand + left);
            long stopped = age(hand, end, untouched, sparing);
            wanted = stopped == end;
            if (stopped > hand) {
                zapper.zap(shim, hand, stopped, (page, entry) -> PageEntry.age(entry) == 0);
            }
            passed += stopped - hand;
            left -= stopped - hand;
            hand = stopped == memory.pages() ? 0 : stopped;
        }
        return passed;
    }

    /** @return where the taker stopped, or {@code end} */
    private long age(long from, long end, Taker taker, boolean sparing) {
        for (long page = from; page < end; page++) {
            int entry = table.get(page);
            if (PageEntry.state(entry) != PageState.LOCAL) {
                continue;
            }
            boolean untouched = PageEntry.has(entry, PageEntry.SAMPLED);
            int spared = sparing ? Math.max(0, PageEntry.age(entry) - 1) : 0;
            int aged = PageEntry.withAge(entry, untouched ? PageEntry.age(entry) + 1 : spared);
            if (aged != entry && !table.step(page, entry, aged)) {
                continue; // touched just now
            }
            if (untouched && !taker.take(page, aged)) {
                table.step(page, aged, entry); // not visited yet
                return page;
            }
        }
        return end;
    }

    /**
     * Looks at the pages that the hand passed {@value #WINDOW_CALLS} calls ago: those still SAMPLED were not touched since. To be
     * called at regular times.
     */
    public void lookBack() {
        handAt[(int) (calls % handAt.length)] = hand;
        calls++;
        if (calls <= WINDOW_CALLS) {
            return;
        }
        long page = handAt[(int) (calls % handAt.length)];
        long end = handAt[(int) ((calls + 1) % handAt.length)];
        while (page != end) {
            int entry = table.get(page);
            if (PageEntry.state(entry) == PageState.LOCAL) {
                lookedAt++;
                inUse += PageEntry.has(entry, PageEntry.SAMPLED) ? 0 : 1;
            }
            page = page + 1 == memory.pages() ? 0 : page + 1;
        }
        while (lookedAt > LEAST_LOOKED_AT * 16) {
            lookedAt /= 2;
            inUse /= 2;
        }
    }

    /** Local pages that are touched within a window, by sample; -1 before enough were seen. */
    public long estimatePages() {
        return lookedAt < LEAST_LOOKED_AT ? -1 : table.resident() * inUse / lookedAt;
    }
}
