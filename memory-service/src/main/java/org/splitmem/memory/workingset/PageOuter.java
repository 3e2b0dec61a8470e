package org.splitmem.memory.workingset;

import static org.splitmem.memory.page.PageState.FILLING;
import static org.splitmem.memory.page.PageState.LOCAL;
import static org.splitmem.memory.page.PageState.OUTGOING;
import static org.splitmem.memory.page.PageState.PUNCHING;
import static org.splitmem.memory.page.PageState.ZERO;

import java.io.IOException;
import org.splitmem.memory.fault.FaultStats;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.MappingGate;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.shim.ShimSession;
import org.splitmem.memory.stream.Flushes;
import org.splitmem.memory.stream.ZeroPages;
import org.splitmem.memory.wire.RunList;

/**
 * Moves cold pages to a home without ever losing a write: mark, wait for mappings under way, zap, read and send,
 * wait for the acknowledgement, and only then free. A touch after the mark is a MINOR fault, by which the pager takes the
 * page back.
 *
 * <p>For one thread at a time.
 */
public final class PageOuter {
    private final GuestMemory memory;
    private final QemuMemory qemu;
    private final PageTable table;
    private final FaultStats stats;
    private final MappingGate gate;
    private final FaultPoints points;
    private final ZeroPages zeroPages;
    private final Zapper zapper;
    private final RunList marked = new RunList();
    private final RunList data = new RunList();
    private final RunList zeroes = new RunList();
    private final RunList punched = new RunList();
    private final NativeBlock argument = QemuMemory.newArgument();
    private final Flushes.Damaged keep = this::keep;
    private int batchHome;

    public PageOuter(
            GuestMemory memory,
            QemuMemory qemu,
            PageTable table,
            FaultStats stats,
            MappingGate gate,
            FaultPoints points) {
        this.points = points;
        this.memory = memory;
        this.qemu = qemu;
        this.table = table;
        this.stats = stats;
        this.gate = gate;
        this.zeroPages = new ZeroPages(memory);
        this.zapper = new Zapper(memory, table);
    }

    /** Begins a batch for one home. */
    public void begin() {
        marked.clear();
    }

    public boolean isFull() {
        return marked.isFull() || marked.pages() >= RunList.MAX_PAGES;
    }

    public boolean isEmpty() {
        return marked.isEmpty();
    }

    /** Pages in the batch. */
    public long offered() {
        return marked.pages();
    }

    /**
     * Marks a page for the batch, unless its entry has moved.
     *
     * @param entry as just read, of a local page
     */
    public void offer(long page, int entry, int index) {
        if (table.step(page, entry, PageEntry.of(OUTGOING, index))) {
            marked.add(page);
        }
    }

    /**
     * Sends the batch and frees what the guest did not touch meanwhile.
     *
     * @return pages freed
     * @throws IOException if the shim or the home did not do its part: all pages are local again then
     */
    public long finish(int index, Home home, ShimSession shim) throws IOException {
        try {
            gate.awaitMappers(); // a mapper that comes later sees OUTGOING, and cancels
            zapper.zap(shim, marked);
            sortOutZeroes(index);
            points.reached(FaultPoint.PAGES_MARKED);
            if (!data.isEmpty()) {
                batchHome = index;
                home.store(data, keep);
            }
        } catch (IOException | RuntimeException e) {
            cancel(index);
            throw e;
        }
        points.reached(FaultPoint.PAGES_STORED);
        long freed = free(data, index, PageEntry.of(PUNCHING, index), PageEntry.pagedOut(index), home);
        stats.pageOuts.add(freed);
        // Not PUNCHING: the next daemon would take a page for the home's that no home has.
        return freed + free(zeroes, index, PageEntry.of(FILLING), PageEntry.of(ZERO), home);
    }

    /** The home does not have it. One that the guest wrote while it was sent is local again already. */
    private void keep(long page) {
        if (table.step(page, PageEntry.of(OUTGOING, batchHome), PageEntry.of(LOCAL))) {
            stats.damaged.increment();
        }
    }

    /** Pages that are all zero need no home. Only now: until the zap the guest could write. */
    private void sortOutZeroes(int index) throws IOException {
        data.clear();
        zeroes.clear();
        for (int run = 0; run < marked.runs(); run++) {
            for (long page = marked.first(run); page < marked.first(run) + marked.count(run); page++) {
                if (table.get(page) != PageEntry.of(OUTGOING, index)) {
                    continue; // touched: the pager took it back
                }
                if (!zeroPages.isZero(page)) {
                    data.add(page);
                } else {
                    zeroes.add(page);
                }
            }
        }
    }

    /** Nothing of the batch is sent: its pages stay here. */
    public void cancel(int index) {
        for (int run = 0; run < marked.runs(); run++) {
            for (long page = marked.first(run); page < marked.first(run) + marked.count(run); page++) {
                table.step(page, PageEntry.of(OUTGOING, index), PageEntry.of(LOCAL));
            }
        }
    }

    private long free(RunList runs, int index, int claimed, int after, Home home) throws LinuxException {
        boolean stored = PageEntry.state(after) == PageState.REMOTE;
        long freed = 0;
        punched.clear();
        for (int run = 0; run < runs.runs(); run++) {
            for (long page = runs.first(run); page < runs.first(run) + runs.count(run); page++) {
                if (table.step(page, PageEntry.of(OUTGOING, index), claimed)) {
                    if (punched.isFull()) {
                        freed += punch(after);
                    }
                    punched.add(page);
                } else if (stored) {
                    home.drop(page); // touched: the copy there is stale
                }
            }
        }
        return freed + punch(after);
    }

    private long punch(int after) throws LinuxException {
        points.reached(FaultPoint.PAGES_PUNCHING);
        for (int run = 0; run < punched.runs(); run++) {
            memory.punch(punched.first(run), punched.count(run));
            points.reached(FaultPoint.PAGES_PUNCHED);
            for (long page = punched.first(run); page < punched.first(run) + punched.count(run); page++) {
                table.put(page, after);
            }
            // Faults that found it claimed were left waiting.
            qemu.wake(argument, punched.first(run), punched.count(run));
        }
        long pages = punched.pages();
        punched.clear();
        return pages;
    }
}
