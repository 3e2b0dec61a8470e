package org.splitmem.memory.vm;

import static org.splitmem.memory.page.PageState.AT_SOURCE;
import static org.splitmem.memory.page.PageState.INCOMING;
import static org.splitmem.memory.page.PageState.LOCAL;
import static org.splitmem.memory.page.PageState.REMOTE;
import static org.splitmem.memory.page.PageState.ZERO;

import java.io.IOException;
import java.util.UUID;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.Arrivals;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.fault.FaultStats;
import org.splitmem.memory.fault.Pager;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.guest.WriteMarks;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.home.Homes;
import org.splitmem.memory.home.OneServer;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Userfaultfd;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.remote.PageInClient;

/** The machinery that pages one VM: its pager, its homes, and its connection to a migration's source. */
public final class Paging implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Paging.class);
    /** What the userfaultfds of a paged VM watch for. */
    static final int MODES = Userfaultfd.REGISTER_MODE_MISSING | Userfaultfd.REGISTER_MODE_MINOR;

    private final UUID vm;
    private final GuestMemory memory;
    private final QemuMemory qemu;
    private final PageTable table;
    private final FaultStats stats = new FaultStats();
    private final Arrivals arrivals;
    private final Homes homes = new Homes();
    private final Pager pager;
    private final @Nullable ChunkSeal seal;
    private @Nullable WriteMarks marks; // guarded by this

    /**
     * Wires the machinery; {@link #start} sets it to work.
     *
     * @param seal of an incoming VM, null for one at home
     * @throws IOException also if QEMU has cut RAM short
     */
    Paging(
            VmRecord record,
            GuestMemory memory,
            QemuMemory qemu,
            PageTable table,
            PagingConfig config,
            @Nullable ChunkSeal seal,
            Pager.ChunkWanter wanter,
            FaultPoints points)
            throws IOException {
        memory.requireWhole();
        this.vm = record.uuid();
        this.memory = memory;
        this.qemu = qemu;
        this.table = table;
        this.seal = seal;
        this.arrivals = new Arrivals(vm.toString(), memory, qemu, table, stats, points);
        for (int i = 0; i < record.lenders().size(); i++) {
            if (record.keepsPages(i)) {
                homes.set(i, home(record, i));
            }
        }
        VmRecord.Lender source = record.comesFrom();
        if (source != null) {
            homes.setSource(new PageInClient(record.endpoint(source), arrivals.sinkForSource(this::ask)));
        }
        this.pager = new Pager(vm.toString(), qemu, arrivals, homes, config.pager(), seal, wanter);
    }

    private Home home(VmRecord record, int index) {
        return new OneServer(
                record.endpoint(record.lenders().get(index)), memory, stale -> arrivals.sinkFor(stale::accept));
    }

    /** Connects to memory servers that the VM is about to have. */
    void connectNew(VmRecord before, VmRecord after) {
        for (int index = 0; index < after.lenders().size(); index++) {
            if (after.keepsPages(index) && !before.keepsPages(index)) {
                close(homes.take(index)); // of an attempt that could not be recorded
                Home home = home(after, index);
                homes.set(index, home);
                home.start();
            }
        }
    }

    /** Ends the connections to those that it has no more: no entry names them. */
    void disconnectGone(VmRecord before, VmRecord after) {
        for (int host = 0; host < before.lenders().size(); host++) {
            if (before.keepsPages(host) && !after.keepsPages(host)) {
                close(homes.take(host));
            }
        }
    }

    private static void close(@Nullable Home home) {
        if (home != null) {
            home.close();
        }
    }

    void start() {
        homes.start();
        pager.start();
    }

    /** Brings the table of an earlier daemon to a state that is true, see {@link org.splitmem.memory.page.PageState}. */
    void recover() throws LinuxException {
        long repaired = 0;
        for (long page = 0; page < memory.pages(); page++) {
            int entry = table.get(page);
            int next = recovered(page, entry);
            if (next != entry) {
                table.put(page, next);
                repaired++;
            }
        }
        homes.forEach(Home::suspectStale);
        log.info("vm={} page table taken up again, {} steps that were under way settled", vm, repaired);
    }

    private int recovered(long page, int entry) throws LinuxException {
        return switch (PageEntry.state(entry)) {
            case ZERO, AT_SOURCE -> PageEntry.of(PageEntry.state(entry), PageEntry.home(entry));
            case REMOTE ->
                PageEntry.wasPagedOut(entry)
                        ? PageEntry.pagedOut(PageEntry.home(entry))
                        : PageEntry.of(REMOTE, PageEntry.home(entry));
            case LOCAL, OUTGOING -> PageEntry.of(LOCAL);
            case FILLING -> PageEntry.of(memory.hasData(page) ? LOCAL : ZERO);
            case PUNCHING -> {
                memory.punch(page, 1);
                yield PageEntry.of(REMOTE, PageEntry.home(entry));
            }
            case INCOMING -> {
                memory.punch(page, 1); // perhaps half written; its origin still has it
                yield PageEntry.has(entry, PageEntry.FROM_SOURCE)
                        ? PageEntry.of(AT_SOURCE)
                        : PageEntry.of(REMOTE, PageEntry.home(entry));
            }
        };
    }

    /** Of servers that are shared with a migration's source nobody here knows which copies it did not need any more. */
    void suspectStale(VmRecord shared) {
        for (int index = 0; index < shared.lenders().size(); index++) {
            Home home = homes.find(index);
            if (home != null && shared.keepsPages(index) && !shared.ownsPages(index)) {
                home.suspectStale();
            }
        }
    }

    /** Every page that takes up memory is local: the kernel has served the VM until now. While the pager runs. */
    void findPresent() throws LinuxException {
        int absent = PageEntry.of(ZERO);
        long page = memory.nextData(0);
        while (page < memory.pages()) {
            long end = memory.nextHole(page);
            for (; page < end; page++) {
                if (table.get(page) == absent) { // else the pager has seen to it
                    table.step(page, absent, PageEntry.of(LOCAL));
                }
            }
            page = end < memory.pages() ? memory.nextData(end) : end;
        }
    }

    /** Has this owner be the only valid one, in all homes of a split that begins. @throws IOException if one does not say yes */
    void adoptHomes(VmRecord split) throws IOException {
        for (int index = 0; index < split.lenders().size(); index++) {
            homes.get(index).adopt(split.epoch());
        }
    }

    /** From now on memory servers keep what is paged in from them, and what the guest only reads does not count as written. */
    synchronized WriteMarks keepCopies() throws LinuxException {
        WriteMarks made = marks == null ? new WriteMarks(memory, qemu) : marks;
        marks = made;
        arrivals.track(made);
        return made;
    }

    /** Ends {@link #keepCopies}: what memory servers have kept is stale, and is dropped by and by. */
    synchronized void dropCopies() {
        if (marks == null) {
            return;
        }
        endTracking();
        for (long page = 0; (page = table.nextCopied(page, table.pages())) < table.pages(); page++) {
            dropCopy(page);
        }
    }

    private void dropCopy(long page) {
        int entry = table.get(page);
        while (PageEntry.isCopied(entry)) {
            if (table.step(page, entry, PageEntry.of(LOCAL))) {
                homes.get(PageEntry.home(entry)).drop(page); // before housekeeping can page it out
                return;
            }
            entry = table.get(page);
        }
    }

    private synchronized void endTracking() {
        arrivals.track(null);
        if (marks != null) {
            marks.close();
            marks = null;
        }
    }

    /** Lets every thread that waits fault again: an earlier daemon may have taken its message to the grave. */
    void wakeAll() {
        qemu.wake(QemuMemory.newArgument(), 0, memory.pages());
    }

    /**
     * Drops what a memory server still keeps although it is not its any more. Not during page-outs to it.
     *
     * @param leaving memory servers whose pages may just be fetched by others
     */
    void reconcile(int host, IntPredicate leaving) throws IOException {
        Home home = homes.get(host);
        if (home.mayHoldStale()) {
            long dropped = home.reconcile(page -> !mayBelongTo(page, host, leaving));
            log.info("vm={} dropped {} stale pages on {}", vm, dropped, home.name());
        }
    }

    private boolean mayBelongTo(long page, int host, IntPredicate leaving) {
        int entry = table.get(page);
        if (PageEntry.state(entry) == INCOMING && PageEntry.has(entry, PageEntry.FROM_SOURCE)) {
            return true;
        }
        // What another server has fetched from one that is leaving is the only copy as soon as the table names it
        // there. That may also come of a
        // page which has been asked for meanwhile: if it does not come, it is remote again.
        int named = PageEntry.home(entry);
        return PageEntry.names(entry, named) && (named == host || leaving.test(named));
    }

    /** True while pages are still to come from the migration's source. */
    boolean awaitsSource() {
        return table.awaitedFromSource() > 0;
    }

    /** Ends the connection to the source, once nothing more comes from it. */
    void forgetSource() {
        PageInClient source = homes.takeSource();
        if (source != null) {
            source.close();
        }
    }

    private boolean ask(int host, long page, long askedNs) {
        Home home = homes.find(host);
        if (home == null) {
            return false;
        }
        home.request(page, askedNs);
        return true;
    }

    /** Asks the migration's source for pages that nobody waits for. */
    void fetchFromSource(long most) {
        PageInClient source = homes.source();
        long asked = 0;
        for (long page = 0; source != null && page < memory.pages() && asked < most; page++) {
            int entry = table.get(page);
            if (PageEntry.state(entry) == AT_SOURCE
                    && (seal == null || !seal.isSealed(page)) // else it may be told again
                    && source.hasRoomToSpare()
                    && table.step(page, entry, PageEntry.of(INCOMING) | PageEntry.FROM_SOURCE)) {
                source.request(page, Arrivals.NOBODY_WAITS);
                asked++;
            }
        }
    }

    public Homes homes() {
        return homes;
    }

    public GuestMemory memory() {
        return memory;
    }

    public QemuMemory qemu() {
        return qemu;
    }

    public PageTable table() {
        return table;
    }

    public FaultStats stats() {
        return stats;
    }

    public Arrivals arrivals() {
        return arrivals;
    }

    /** What fails at present; null if nothing does. */
    @Nullable
    String trouble() {
        String answering = pager.trouble();
        return answering != null ? answering : homes.trouble();
    }

    public @Nullable ChunkSeal seal() {
        return seal;
    }

    /** Ends the machinery; faults wait from then on. The memory stays open. */
    @Override
    public void close() {
        pager.close();
        homes.close();
        endTracking();
    }
}
