package org.splitmem.memory.gather;

import static org.splitmem.memory.page.PageState.INCOMING;
import static org.splitmem.memory.page.PageState.REMOTE;

import java.io.IOException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;

/**
 * Takes pages that come in bulk from one memory server, and writes them to the RAM file. A page that is not in bulk any more is thrown away: only
 * who has stepped its entry may write it. Confined to one thread at a time; allocates nothing per page.
 */
abstract class BulkArrivals {
    private final GuestMemory memory;
    private final PageTable table;
    private final int host;
    /** The entry of a page that this thread has claimed: no other writes it. */
    private final int claimed;

    BulkArrivals(GuestMemory memory, PageTable table, int host) {
        this.memory = memory;
        this.table = table;
        this.host = host;
        this.claimed = PageEntry.of(INCOMING, host);
    }

    /** @return how many were taken */
    final long take(long address, long first, long count) throws IOException {
        long taken = 0;
        long end = first + count;
        for (long page = first; page < end; page++) {
            long from = page;
            while (page < end && claim(page)) {
                page++;
            }
            if (page > from) { // the page behind them is none of these
                takeClaimed(address + Pages.toBytes(from - first), from, page - from);
                taken += page - from;
            }
        }
        return taken;
    }

    private boolean claim(long page) {
        int entry = table.get(page);
        return PageEntry.isInBulk(entry, host) && table.step(page, entry, claimed);
    }

    private void takeClaimed(long address, long first, long count) throws IOException {
        try {
            memory.write(address, first, count);
        } catch (LinuxException e) {
            leave(first, count);
            throw e;
        }
        written(first, count);
    }

    /** There was no room for pages: they stay where they are. */
    private void leave(long first, long count) throws LinuxException {
        try {
            memory.punch(first, count);
        } finally {
            stepAll(first, count, PageEntry.of(REMOTE, host));
            left(first, count);
        }
    }

    /** Of pages that {@link #take} has claimed. */
    final void stepAll(long first, long count, int next) {
        for (long page = first; page < first + count; page++) {
            table.step(page, claimed, next);
        }
    }

    /** The bytes of claimed pages are in the file. */
    abstract void written(long first, long count) throws IOException;

    /** Pages that were claimed are remote again. */
    abstract void left(long first, long count) throws LinuxException;
}
