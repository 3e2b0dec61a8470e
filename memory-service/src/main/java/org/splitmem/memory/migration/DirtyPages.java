package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.splitmem.memory.dirty.WriteLog;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageSet;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.PlacementList;
import org.splitmem.memory.wire.RunList;

/** Finds what the source still has to send, and tells the destination where pages are: see {@link TransferLog}. For one thread. */
final class DirtyPages {
    private final GuestMemory memory;
    private final PageTable table;
    private final TransferLog transfers;
    private final Supplier<WriteLog> logs;
    private final WriteLog writes;
    private final PlacementList placements = new PlacementList();
    private LatePages late;

    /** @param logs makes one for each thread */
    DirtyPages(GuestMemory memory, PageTable table, TransferLog transfers, Supplier<WriteLog> logs) {
        this.memory = memory;
        this.table = table;
        this.transfers = transfers;
        this.late = LatePages.allToMain(transfers.plan());
        this.logs = logs;
        this.writes = logs.get();
    }

    /** One of the same VM; what it newly finds goes to the main host. */
    DirtyPages forAnotherThread() {
        return new DirtyPages(memory, table, transfers, logs);
    }

    /** Every page that takes up memory is local now. */
    void adopt() throws LinuxException {
        forEachDataPage(0, memory.pages(), this::makeLocal);
    }

    /**
     * Starts write tracking, and makes every page that takes up memory dirty: what is written from now on is found.
     *
     * @param homes of pages that nobody has planned
     */
    void arm(LatePages homes) throws LinuxException {
        late = homes;
        writes.scan(0, memory.pages(), true, (page, count) -> {});
        forEachDataPage(0, memory.pages(), this::mark);
    }

    /**
     * The same for a VM that is split here, whose table is true, and goes on changing by what is paged in: what is here is dirty, and of
     * what is elsewhere the destination is told where. A page that is paged in later stays there as well, and is sent once it is written.
     */
    void armSplit(FrameSocket control) throws IOException {
        writes.scan(0, memory.pages(), true, (page, count) -> {});
        placements.clear();
        for (long page = 0; page < table.pages(); page++) {
            int entry = table.get(page);
            if (isHere(entry)) {
                transfers.dirty().add(page);
            } else if (PageEntry.isOnServer(entry)) {
                if (placements.isFull()) {
                    placements.send(control);
                    placements.clear();
                }
                placements.add(page, PageState.REMOTE, PageEntry.home(entry));
            }
        }
        placements.send(control);
    }

    /** In the file, or just being filled. */
    private static boolean isHere(int entry) {
        return switch (PageEntry.state(entry)) {
            case LOCAL, FILLING, OUTGOING -> true;
            case ZERO, REMOTE, AT_SOURCE, INCOMING, PUNCHING -> false;
        };
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

    /** @return false if it was dirty before, or is not here: a page table entry that is empty may count as written */
    private boolean mark(long page) {
        makeLocal(page);
        table.written(page); // first: what is to be sent is not given back
        return isHere(table.get(page)) && transfers.dirty().add(page);
    }

    /** Of a page that takes up memory; one that the table puts elsewhere stays there. */
    private void makeLocal(long page) {
        if (table.change(page, PageState.ZERO, PageState.LOCAL)) {
            late.place(page);
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
            synchronized (transfers.scanning()) {
                marked += scan(chunk, true);
            }
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
            marked += mark(page) ? 1 : 0;
        }
        return marked;
    }

    /** Marks every page that takes up memory in a chunk: nobody knows any more what was written. @return pages */
    long markAll(int chunk) throws LinuxException {
        long first = ChunkSeal.firstPage(chunk);
        long[] marked = {0};
        forEachDataPage(first, first + ChunkSeal.length(chunk, memory.pages()), page -> {
            mark(page);
            marked[0]++;
        });
        return marked[0];
    }

    /** Dirty pages of the whole VM. */
    long count() {
        return transfers.dirty().count();
    }

    /**
     * Collects dirty pages of [from, end) until the list is full; all of them go to the main host now.
     *
     * @return the page up to which all are collected
     */
    long collectForMain(long from, long end, RunList into) {
        into.clear();
        for (long page = from; (page = transfers.dirty().next(page, end)) < end; page++) {
            if (into.isFull()) {
                return page;
            }
            into.add(page);
            transfers.plan().planForMain(page);
        }
        return end;
    }

    /**
     * Tells the destination where every page is that was sent since the last call, or was given back to a memory server. Only between rounds.
     *
     * @return whether the destination is to free pages by that: until it has, none of them may be sent again
     */
    boolean announce(FrameSocket control) throws IOException {
        boolean frees = false;
        PageSet unannounced = transfers.unannounced();
        placements.clear();
        for (long page = 0; (page = unannounced.next(page, table.pages())) < table.pages(); page++) {
            if (placements.isFull()) {
                placements.send(control);
                placements.clear();
            }
            frees |= add(page);
            unannounced.remove(page);
        }
        placements.send(control);
        return frees;
    }

    /** @return whether a memory server of the VM has it, as it is */
    private boolean add(long page) {
        int target = transfers.plan().target(page);
        int entry = table.get(page);
        boolean isKept = PageEntry.isCopied(entry) && !PageEntry.has(entry, PageEntry.OUTDATED);
        if (isKept || PageEntry.isOnServer(entry)) {
            placements.add(page, PageState.REMOTE, PageEntry.home(entry));
            return true;
        }
        if (PageEntry.state(entry) == PageState.ZERO) {
            placements.add(page, PageState.ZERO, 0);
        } else if (target == PagePlan.MAIN) {
            placements.add(page, PageState.LOCAL, 0);
        } else {
            placements.add(page, PageState.REMOTE, target);
        }
        return false;
    }
}
