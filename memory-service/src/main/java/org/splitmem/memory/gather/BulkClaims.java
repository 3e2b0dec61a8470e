package org.splitmem.memory.gather;

import static org.splitmem.memory.page.PageState.REMOTE;

import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.wire.RunList;

/**
 * Which pages of one memory server to ask for next: a cursor goes through the page table, and what it passes is claimed. What is asked for lies
 * behind it until the answer has come: a page is never claimed again while an older answer with that page may still be on its way, so that
 * such an answer is never taken for a new one. Several that claim pages of one server at a time have stripes of the table each, for the same
 * reason. For one thread at a time.
 */
final class BulkClaims {
    /** Pages of a stripe, 16 MiB: several requests. */
    static final long STRIPE = 4096;

    private final PageTable table;
    private final int host;
    private final int lane;
    private final int lanes;
    private long cursor;
    private long claimed;

    /** All pages of the server are this one's to claim. */
    BulkClaims(PageTable table, int host) {
        this(table, host, 0, 1);
    }

    /** Each {@code lanes}th stripe is this one's, from stripe {@code lane} on. */
    BulkClaims(PageTable table, int host, int lane, int lanes) {
        this.table = table;
        this.host = host;
        this.lane = lane;
        this.lanes = lanes;
        this.cursor = first();
    }

    private long first() {
        return lane * STRIPE;
    }

    /** Whether there is a stripe for it in a table of that size. */
    boolean hasAny() {
        return first() < table.pages();
    }

    /** Goes on where the last pass has ended, or from the beginning if that was the end. @return whether it is from there */
    boolean begin() {
        if (isAtEnd()) {
            cursor = first();
        }
        claimed = 0;
        return cursor == first();
    }

    boolean isAtEnd() {
        return cursor >= table.pages();
    }

    /** Pages claimed since {@link #begin}. */
    long claimed() {
        return claimed;
    }

    /** Moves the cursor on, over so many pages that the server has. */
    void claim(RunList pages, long most) {
        while (pages.pages() < most && cursor < table.pages()) {
            long end = Math.min((cursor / STRIPE + 1) * STRIPE, table.pages());
            long page = table.nextRemote(cursor, end, host);
            cursor = own(Math.min(page + 1, end));
            if (page < end) {
                int entry = table.get(page);
                boolean isStill = PageEntry.state(entry) == REMOTE && PageEntry.home(entry) == host;
                if (isStill && table.step(page, entry, PageEntry.inBulk(entry))) {
                    pages.add(page); // else another thread has claimed it, or the next pass finds it
                }
            }
        }
        claimed += pages.pages();
    }

    /** The first page from there on that is in a stripe of this one; behind the table if there is none. */
    private long own(long page) {
        long stripe = page / STRIPE;
        long ahead = Math.floorMod(lane - stripe, lanes);
        return ahead == 0 ? page : (stripe + ahead) * STRIPE;
    }

    /** These have not come: the cursor returns to them. */
    void giveBack(RunList pages) {
        for (int run = 0; run < pages.runs(); run++) {
            for (long page = pages.first(run); page < pages.first(run) + pages.count(run); page++) {
                giveBack(page);
            }
        }
        cursor = Math.min(cursor, pages.first(0));
    }

    /** It has not come: the next pass finds it. Does nothing if it is not in bulk any more. */
    void giveBack(long page) {
        int entry = table.get(page);
        if (PageEntry.isInBulk(entry, host)) { // a step that fails is a fault's, which has asked for it
            table.step(page, entry, PageEntry.notInBulk(entry));
        }
    }
}
