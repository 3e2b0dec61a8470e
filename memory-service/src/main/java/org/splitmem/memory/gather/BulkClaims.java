package org.splitmem.memory.gather;

import static org.splitmem.memory.page.PageState.REMOTE;

import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.wire.RunList;

/**
 * Which pages of one memory server to ask for next: a cursor goes through the page table, and what it passes is claimed. What is asked for lies
 * behind it until the answer has come: a page is never claimed again while an older answer with that page may still be on its way, so that
 * such an answer is never taken for a new one. For one thread at a time.
 */
final class BulkClaims {
    private final PageTable table;
    private final int host;
    private long cursor;
    private long claimed;

    BulkClaims(PageTable table, int host) {
        this.table = table;
        this.host = host;
    }

    /** Goes on where the last pass has ended, or from the beginning if that was the end. @return whether it is from there */
    boolean begin() {
        if (isAtEnd()) {
            cursor = 0;
        }
        claimed = 0;
        return cursor == 0;
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
            long page = table.nextRemote(cursor, table.pages(), host);
            cursor = Math.min(page + 1, table.pages());
            if (page < table.pages()) {
                int entry = table.get(page);
                boolean isStill = PageEntry.state(entry) == REMOTE && PageEntry.home(entry) == host;
                if (isStill && table.step(page, entry, PageEntry.inBulk(entry))) {
                    pages.add(page); // else another thread has claimed it, or the next pass finds it
                }
            }
        }
        claimed += pages.pages();
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
