package org.splitmem.memory.migration;

import static org.splitmem.memory.page.PageEntry.DIRTY;
import static org.splitmem.memory.page.PageEntry.UNANNOUNCED;

import java.io.IOException;
import org.splitmem.memory.dirty.DirtyTracker;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.PlacementList;
import org.splitmem.memory.wire.RunList;

/** What the source still has to send, and to tell: the DIRTY and UNANNOUNCED flags of its page table. */
final class DirtyPages {
    private final GuestMemory memory;
    private final PageTable table;
    private final DirtyTracker tracker;
    private final PlacementList placements = new PlacementList();
    private LatePages late = LatePages.allToMain();

    DirtyPages(GuestMemory memory, PageTable table, DirtyTracker tracker) {
        this.memory = memory;
        this.table = table;
        this.tracker = tracker;
    }

    /** Every page that takes up memory is local now. */
    void adopt() throws LinuxException {
        forEachDataPage(page -> {
            if (PageEntry.state(table.get(page)) == PageState.ZERO) {
                makeLocal(page, 0);
            }
        });
    }

    /**
     * Starts write tracking, and makes every page that takes up memory dirty: what is written from now on is found.
     *
     * @param homes of pages that nobody has planned
     */
    void arm(LatePages homes) throws LinuxException {
        late = homes;
        tracker.scan(0, memory.pages(), (page, count) -> {});
        forEachDataPage(page -> makeLocal(page, DIRTY));
    }

    private interface PageConsumer {
        void accept(long page);
    }

    private void forEachDataPage(PageConsumer consumer) throws LinuxException {
        long page = memory.nextData(0);
        while (page < memory.pages()) {
            long end = memory.nextHole(page);
            for (; page < end; page++) {
                consumer.accept(page);
            }
            page = end < memory.pages() ? memory.nextData(end) : end;
        }
    }

    private void makeLocal(long page, int flags) {
        int entry = table.get(page);
        boolean isNew = PageEntry.state(entry) == PageState.ZERO;
        while (!table.step(page, entry, (entry & ~7) | PageState.LOCAL.code() | flags)) {
            entry = table.get(page);
        }
        if (isNew) {
            late.place(table, page);
        }
    }

    /** Marks what was written in a range since its last scan. @return pages marked that were clean */
    long scan(long page, long count) throws LinuxException {
        long[] marked = {0};
        LinuxException[] failed = {null};
        tracker.scan(page, count, (first, pages) -> {
            try {
                marked[0] += mark(first, pages);
            } catch (LinuxException e) {
                failed[0] = e;
            }
        });
        if (failed[0] != null) {
            throw failed[0];
        }
        return marked[0];
    }

    long scanAll() throws LinuxException {
        return scan(0, memory.pages());
    }

    private long mark(long first, long count) throws LinuxException {
        long marked = 0;
        for (long page = first; page < first + count; page++) {
            int entry = table.get(page);
            if (PageEntry.state(entry) == PageState.ZERO) {
                // Neighbours of a first touch are reported too, and reading a hole would fill it: skip to what is
                // there.
                if (!memory.hasData(page)) {
                    continue;
                }
            }
            if (!PageEntry.has(entry, DIRTY)) {
                makeLocal(page, DIRTY);
                marked++;
            }
        }
        return marked;
    }

    /** Marks every page that takes up memory in a range: nobody knows any more what was written. @return pages */
    long markAll(long first, long count) throws LinuxException {
        long marked = 0;
        for (long page = first; page < first + count; page++) {
            if (memory.hasData(page)) {
                makeLocal(page, DIRTY);
                marked++;
            }
        }
        return marked;
    }

    /** Dirty pages of the whole VM. */
    long count() {
        long dirty = 0;
        for (long page = 0; page < table.pages(); page++) {
            if (PageEntry.has(table.get(page), DIRTY)) {
                dirty++;
            }
        }
        return dirty;
    }

    /**
     * Collects dirty pages of [from, end) until the list is full; all of them go to the main host now.
     *
     * @return the page up to which all are collected
     */
    long collectForMain(long from, long end, RunList into) {
        into.clear();
        for (long page = from; page < end; page++) {
            if (PageEntry.has(table.get(page), DIRTY)) {
                if (into.isFull()) {
                    return page;
                }
                into.add(page);
                table.flag(page, 0, PageEntry.TO_SUB_HOST);
            }
        }
        return end;
    }

    /** Tells the destination where every page is that was sent since the last call. Only between rounds. */
    void announce(FrameSocket control) throws IOException {
        placements.clear();
        for (long page = 0; page < table.pages(); page++) {
            int entry = table.get(page);
            if (PageEntry.has(entry, UNANNOUNCED)) {
                if (placements.isFull()) {
                    placements.send(control);
                    placements.clear();
                }
                add(page, entry);
                table.flag(page, 0, UNANNOUNCED);
            }
        }
        placements.send(control);
    }

    private void add(long page, int entry) {
        if (PageEntry.state(entry) == PageState.ZERO) {
            placements.add(page, PageState.ZERO, 0);
        } else if (PageEntry.has(entry, PageEntry.TO_SUB_HOST)) {
            placements.add(page, PageState.REMOTE, PageEntry.host(entry));
        } else {
            placements.add(page, PageState.LOCAL, 0);
        }
    }
}
