package org.splitmem.memory.workingset;

import static org.splitmem.memory.page.PageState.LOCAL;
import static org.splitmem.memory.page.PageState.OUTGOING;

import java.io.IOException;
import java.util.function.IntPredicate;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.fault.FaultStats;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.MappingGate;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.guest.WriteMarks;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.home.Homes;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Pagemap;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.shim.ShimSession;
import org.splitmem.memory.wire.RunList;

/**
 * Gives pages back that a split VM has paged in while it migrates, to the memory servers that they came from: at once if those have them as they
 * are, else once the destination has them, too. If that is not enough, as guests also begin to use pages that were nowhere, it sends out others
 * that the destination has.
 *
 * <p>A page is marked OUTGOING and zapped; one that the guest does not touch from one call of {@link #mark} to the next of {@link #free} leaves. Zapping would
 * lose what write tracking knows, so the kernel is asked afterwards: a page leaves, or goes on counting as unwritten, only if there is a mark that says so, else it
 * counts as written.
 *
 * <p>For one thread. Each home that pages are sent to has one of its own: see {@link HomeReturns}.
 */
public final class PageReturner {
    /** Most pages that are marked at once. */
    private static final int MOST_MARKED = 16_384;
    /** Most entries looked at in a call. */
    private static final long MOST_LOOKED_AT = 1L << 24;

    /** In place of a memory server. */
    public static final int NO_HOME = -1;

    private final GuestMemory memory;
    private final Vm vm;
    private final PageTable table;
    private final MappingGate gate;
    private final WriteMarks marks;
    private final Transfers transfers;
    private final FaultPoints points;
    private final Zapper zapper;
    private final NativeBlock entries = WriteMarks.newEntries();
    private final PageFreer freer;
    private final @Nullable HomeReturns[] returns = new HomeReturns[PageEntry.MAX_HOMES];
    private final RunList found = new RunList();
    private final RunList batch = new RunList();
    private final int[] marked = new int[MOST_MARKED]; // a VM has at most 2^29 pages
    private final int[] chosen = new int[MOST_MARKED];
    private final ToIntFunction<IntPredicate> roomiest;
    private int count;
    private long hand;
    private long otherHand;
    private int home = NO_HOME; // of pages that have no copy

    /** What a migration knows of pages. Any thread. */
    public interface Transfers {
        /** Held while it is found out what was written, and noted. */
        Object scanning();

        /** Whether the destination has the page as it is, but for what was written since the last scan. */
        boolean isSent(long page);

        /** The page was written, or may have been; no scan will find that. */
        void written(long page);

        /** A memory server has the page as the destination has it, too, which need not keep it. */
        void returned(long page);
    }

    /** Whose pages they are. */
    public record Vm(
            GuestMemory memory,
            QemuMemory qemu,
            PageTable table,
            FaultStats stats,
            MappingGate gate,
            WriteMarks marks,
            Homes homes,
            FaultPoints points) {}

    /** @param roomiest says which of those homes has most room for pages that no other has, or {@link #NO_HOME} */
    public PageReturner(Vm vm, Transfers transfers, ToIntFunction<IntPredicate> roomiest) {
        this.roomiest = roomiest;
        this.vm = vm;
        this.memory = vm.memory();
        this.table = vm.table();
        this.gate = vm.gate();
        this.marks = vm.marks();
        this.points = vm.points();
        this.transfers = transfers;
        this.zapper = new Zapper(memory, table);
        this.freer = new PageFreer(vm);
    }

    /**
     * Marks pages that may leave, going on from where the last call has ended.
     *
     * @param wanted about how many
     */
    public void mark(ShimSession shim, long wanted) throws IOException {
        mark(shim, Math.min(wanted, MOST_MARKED), true);
        long more = Math.min(wanted, MOST_MARKED) - count;
        home = more > 0 ? roomiest.applyAsInt(index -> isFree(index, false)) : NO_HOME;
        if (home != NO_HOME) {
            mark(shim, count + more, false);
        }
    }

    private void mark(ShimSession shim, long most, boolean copied) throws IOException {
        long left = Math.min(table.pages(), MOST_LOOKED_AT);
        while (left > 0 && count < most) {
            left -= look(left, most - count, copied);
            if (!found.isEmpty()) {
                synchronized (transfers.scanning()) { // a scan must not arm what was written before it has noted that
                    markFound(shim);
                }
                points.reached(FaultPoint.RETURN_MARKED);
            }
        }
    }

    /** Looks for pages that may leave. @return entries passed */
    private long look(long left, long most, boolean copied) {
        found.clear();
        long from = copied ? hand : otherHand;
        long end = Math.min(table.pages(), from + left);
        long page = copied ? table.nextCopied(from, end) : from;
        while (page < end && found.pages() < Math.min(most, RunList.MAX_PAGES) && !found.isFull()) {
            if (PageEntry.isCopied(table.get(page)) == copied && mayLeave(page)) {
                found.add(page);
            }
            page = copied ? table.nextCopied(page + 1, end) : page + 1;
        }
        long next = page == table.pages() ? 0 : page;
        hand = copied ? next : hand;
        otherHand = copied ? otherHand : next;
        return page - from;
    }

    private boolean mayLeave(long page) {
        int entry = table.get(page);
        if (PageEntry.state(entry) != LOCAL) {
            return false;
        }
        if (PageEntry.age(entry) > 0 && !PageEntry.has(entry, PageEntry.SAMPLED)) { // it was in use
            table.step(page, entry, PageEntry.withAge(entry, PageEntry.age(entry) - 1));
            return false;
        }
        if (!PageEntry.isCopied(entry)) {
            return transfers.isSent(page);
        }
        return !PageEntry.has(entry, PageEntry.OUTDATED)
                || (isFree(PageEntry.home(entry), true) && transfers.isSent(page));
    }

    private void markFound(ShimSession shim) throws IOException {
        batch.clear();
        forEachNoted(found, this::markUnwritten);
        boolean isKnown = false;
        try {
            gate.awaitMappers(); // a mapper that comes later sees OUTGOING, and takes the page back
            zapper.zap(shim, batch);
            forEachNoted(batch, this::sort);
            isKnown = true;
        } finally {
            if (!isKnown) {
                forEach(batch, this::written);
            }
        }
    }

    /** One that was written is left to the next scan. */
    private void markUnwritten(long page, int index) {
        if (Pagemap.isUnwritten(entries, index) && mayLeave(page)) {
            int entry = table.get(page);
            boolean hasHome = PageEntry.isCopied(entry) || home != NO_HOME;
            if (PageEntry.state(entry) == LOCAL
                    && hasHome
                    && table.step(page, entry, PageEntry.leaving(entry, Math.max(home, 0)))) {
                batch.add(page);
            }
        }
    }

    interface PageConsumer {
        void accept(long page);
    }

    static void forEach(RunList list, PageConsumer consumer) {
        for (int run = 0; run < list.runs(); run++) {
            for (long page = list.first(run); page < list.first(run) + list.count(run); page++) {
                consumer.accept(page);
            }
        }
    }

    private interface NotedConsumer {
        /** @param index of the page in {@link #entries} */
        void accept(long page, int index);
    }

    /** With what the kernel has noted of each page. */
    private void forEachNoted(RunList list, NotedConsumer consumer) throws LinuxException {
        for (int run = 0; run < list.runs(); run++) {
            long end = list.first(run) + list.count(run);
            long first = list.first(run);
            while (first < end) {
                long partEnd = memory.endOfPart(first, end);
                marks.read(entries, first, (int) (partEnd - first));
                for (long page = first; page < partEnd; page++) {
                    consumer.accept(page, (int) (page - first));
                }
                first = partEnd;
            }
        }
    }

    private void sort(long page, int index) {
        if (Pagemap.isUnmappedAndUnwritten(entries, index)) {
            marked[count++] = (int) page;
        } else if (!Pagemap.isMappedAndUnwritten(entries, index)) { // else the guest has touched it meanwhile
            written(page);
        }
    }

    private void written(long page) {
        table.written(page);
        transfers.written(page);
    }

    /**
     * Frees what was marked and the guest has not touched since. What has to be sent before is sent, and freed, by threads of the homes: a later
     * call counts it.
     *
     * @return pages freed
     */
    public long free() throws LinuxException {
        long freed = 0;
        batch.clear();
        for (int i = 0; i < count; i++) {
            int entry = table.get(marked[i]);
            boolean isKept = isLeaving(entry) && PageEntry.isCopied(entry) && !PageEntry.has(entry, PageEntry.OUTDATED);
            if (isKept && freer.claim(marked[i], entry)) {
                batch.add(marked[i]);
                freed += batch.isFull() ? freeBatch() : 0;
            }
        }
        freed += freeBatch();
        for (int index = 0; index < PageEntry.MAX_HOMES; index++) {
            send(index);
        }
        count = 0;
        for (HomeReturns home : returns) {
            freed += home == null ? 0 : home.takeFreed();
        }
        return freed;
    }

    private long freeBatch() throws LinuxException {
        long pages = batch.pages();
        if (pages > 0) {
            freer.free(batch);
            batch.clear();
        }
        return pages;
    }

    private static boolean isLeaving(int entry) {
        return PageEntry.state(entry) == OUTGOING;
    }

    /** Has a home sent what is marked for it. */
    private void send(int index) {
        int pages = 0;
        for (int i = 0; i < count; i++) {
            int entry = table.get(marked[i]);
            if (isLeaving(entry) && PageEntry.home(entry) == index) {
                chosen[pages++] = marked[i];
            }
        }
        if (pages > 0) {
            of(index).send(chosen, pages);
        }
    }

    private HomeReturns of(int index) {
        HomeReturns known = returns[index];
        if (known == null) {
            known = new HomeReturns(vm, index, transfers);
            returns[index] = known;
        }
        return known;
    }

    private boolean isFree(int index, boolean copied) {
        return of(index).isFree(copied);
    }

    /** Marked pages that are sent, and likely to be free in a moment. */
    public long underWay() {
        long pages = 0;
        for (HomeReturns home : returns) {
            pages += home == null ? 0 : home.underWay();
        }
        return pages;
    }

    private void stay(long page) {
        int entry = table.get(page);
        while (isLeaving(entry) && !table.step(page, entry, PageEntry.staying(entry))) {
            entry = table.get(page);
        }
    }

    /** What is marked stays here, also what is being sent. */
    public void cancel() {
        for (int i = 0; i < count; i++) {
            stay(marked[i]);
        }
        count = 0;
        for (HomeReturns home : returns) {
            if (home != null) {
                home.cancel();
            }
        }
    }

    /** The same, and returns when nothing is sent any more: another thread {@linkplain Home#interrupt interrupts} the homes meanwhile. */
    public void end() {
        cancel();
        for (HomeReturns home : returns) {
            if (home != null) {
                home.awaitEnd();
            }
        }
    }
}
