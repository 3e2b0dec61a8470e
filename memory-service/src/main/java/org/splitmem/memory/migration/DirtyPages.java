package org.splitmem.memory.migration;

import static org.splitmem.memory.page.PageEntry.DIRTY;
import static org.splitmem.memory.page.PageEntry.UNANNOUNCED;

import java.io.IOException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.splitmem.memory.dirty.WriteLog;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.PlacementList;
import org.splitmem.memory.wire.RunList;

/** What the source still has to send, and to tell: the DIRTY and UNANNOUNCED flags of its page table. For one thread. */
final class DirtyPages {
    private final GuestMemory memory;
    private final PageTable table;
    private final Supplier<WriteLog> logs;
    private final WriteLog writes;
    private final PlacementList placements = new PlacementList();
    private LatePages late = LatePages.allToMain();

    /** @param logs makes one for each thread */
    DirtyPages(GuestMemory memory, PageTable table, Supplier<WriteLog> logs) {
        this.memory = memory;
        this.table = table;
        this.logs = logs;
        this.writes = logs.get();
    }

    /** One of the same VM; what it newly finds goes to the main host. */
    DirtyPages forAnotherThread() {
        return new DirtyPages(memory, table, logs);
    }

    /** Every page that takes up memory is local now. */
    void adopt() throws LinuxException {
        forEachDataPage(0, memory.pages(), page -> {
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
        writes.scan(0, memory.pages(), true, (page, count) -> {});
        forEachDataPage(0, memory.pages(), page -> makeLocal(page, DIRTY));
    }

    private interface PageConsumer {
        void accept(long page);
    }

    private void forEachDataPage(long from, long end, PageConsumer consumer) throws LinuxException {
        long page = memory.nextData(from);
        while (page < end) {
            long hole = Math.min(end, memory.nextHole(page));
            for (; page < hole; page++) {
                consumer.accept(page);
            }
            page = hole < end ? memory.nextData(hole) : end;
        }
    }

    private void makeLocal(long page, int flags) {
        int before = table.become(page, PageState.LOCAL, flags);
        if (PageEntry.state(before) == PageState.ZERO) {
            late.place(table, page);
        }
    }

    /** Marks what was written in a chunk since it was last armed; nobody writes any more. @return pages marked that were clean */
    long scanLast(int chunk) throws LinuxException {
        return scan(chunk, false);
    }

    /**
     * Marks what was written since the last scan.
     *
     * @param cut once true, the rest is left to the next scan
     * @param pace told after each chunk
     * @return pages marked that were clean
     */
    long scanAll(BooleanSupplier cut, Pace pace) throws LinuxException {
        long marked = 0;
        for (int chunk = 0; chunk < ChunkSeal.chunksOf(memory.pages()) && !cut.getAsBoolean(); chunk++) {
            long beganNs = System.nanoTime();
            marked += scan(chunk, true);
            pace.scanned(System.nanoTime() - beganNs);
        }
        return marked;
    }

    /** Waits, so that a scan does not take too much of the guest's time. */
    interface Pace {
        Pace FULL = tookNs -> {};

        void scanned(long tookNs);
    }

    private long scan(int chunk, boolean rearm) throws LinuxException {
        long[] marked = {0};
        writes.scan(
                ChunkSeal.firstPage(chunk),
                ChunkSeal.length(chunk, memory.pages()),
                rearm,
                (first, count) -> marked[0] += mark(first, count));
        return marked[0];
    }

    private long mark(long first, long count) throws LinuxException {
        long marked = 0;
        long data = first; // what is before it and ZERO is a hole
        for (long page = first; page < first + count; page++) {
            int entry = table.get(page);
            if (PageEntry.state(entry) == PageState.ZERO) {
                // Neighbours of a first touch are reported too, and reading a hole would fill it.
                if (page >= data) {
                    data = memory.nextData(page);
                }
                if (page < data) {
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

    /** Marks every page that takes up memory in a chunk: nobody knows any more what was written. @return pages */
    long markAll(int chunk) throws LinuxException {
        long first = ChunkSeal.firstPage(chunk);
        long[] marked = {0};
        forEachDataPage(first, first + ChunkSeal.length(chunk, memory.pages()), page -> {
            makeLocal(page, DIRTY);
            marked[0]++;
        });
        return marked[0];
    }

    /** Dirty pages of the whole VM. */
    long count() {
        long dirty = 0;
        for (long page = 0; (page = table.next(page, table.pages(), DIRTY)) < table.pages(); page++) {
            dirty++;
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
        for (long page = from; (page = table.next(page, end, DIRTY)) < end; page++) {
            if (into.isFull()) {
                return page;
            }
            into.add(page);
            table.flag(page, 0, PageEntry.TO_SUB_HOST);
        }
        return end;
    }

    /** Tells the destination where every page is that was sent since the last call. Only between rounds. */
    void announce(FrameSocket control) throws IOException {
        placements.clear();
        for (long page = 0; (page = table.next(page, table.pages(), UNANNOUNCED)) < table.pages(); page++) {
            if (placements.isFull()) {
                placements.send(control);
                placements.clear();
            }
            add(page, table.get(page));
            table.flag(page, 0, UNANNOUNCED);
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
