package org.splitmem.memory.workingset;

import static org.splitmem.memory.page.PageState.LOCAL;
import static org.splitmem.memory.page.PageState.OUTGOING;
import static org.splitmem.memory.page.PageState.PUNCHING;

import java.io.IOException;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.FaultStats;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.MappingGate;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.guest.WriteMarks;
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
 * <p>For one thread.
 */
public final class PageReturner {
    private static final Logger log = LoggerFactory.getLogger(PageReturner.class);
    /** Most pages that are marked at once. */
    private static final int MOST_MARKED = 16_384;
    /** Most entries looked at in a call. */
    private static final long MOST_LOOKED_AT = 1L << 24;

    /** In place of a memory server. */
    public static final int NO_HOME = -1;

    private static final long FIRST_PAUSE_NS = 1_000_000_000L;
    private static final long LAST_PAUSE_NS = 30_000_000_000L;

    private final GuestMemory memory;
    private final QemuMemory qemu;
    private final PageTable table;
    private final FaultStats stats;
    private final MappingGate gate;
    private final WriteMarks marks;
    private final Homes homes;
    private final Transfers transfers;
    private final FaultPoints points;
    private final Zapper zapper;
    private final NativeBlock entries = WriteMarks.newEntries();
    private final NativeBlock argument = QemuMemory.newArgument();
    private final RunList found = new RunList();
    private final RunList batch = new RunList();
    private final RunList stored = new RunList();
    private final int[] marked = new int[MOST_MARKED]; // a VM has at most 2^29 pages
    private final long[] pausesUntilNs = new long[PageEntry.MAX_HOMES * 2];
    private final long[] pausesNs = new long[PageEntry.MAX_HOMES * 2]; // 0: it does not pause
    private final IntSupplier roomiest;
    private int count;
    private long hand;
    private long otherHand;
    private int home = NO_HOME; // of pages that have no copy

    /** What a migration knows of pages. */
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

    /** @param roomiest says which home has most room for pages that no other has, or {@link #NO_HOME} */
    public PageReturner(Vm vm, Transfers transfers, IntSupplier roomiest) {
        this.roomiest = roomiest;
        this.memory = vm.memory();
        this.qemu = vm.qemu();
        this.table = vm.table();
        this.stats = vm.stats();
        this.gate = vm.gate();
        this.marks = vm.marks();
        this.homes = vm.homes();
        this.points = vm.points();
        this.transfers = transfers;
        this.zapper = new Zapper(memory, table);
    }

    /**
     * Marks pages that may leave, going on from where the last call has ended.
     *
     * @param wanted about how many
     */
    public void mark(ShimSession shim, long wanted) throws IOException {
        mark(shim, Math.min(wanted, MOST_MARKED), true);
        long more = Math.min(wanted, MOST_MARKED) - count;
        home = more > 0 ? roomiest.getAsInt() : NO_HOME;
        if (home != NO_HOME && !isPausing(home, false)) {
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
                || (!isPausing(PageEntry.home(entry), true) && transfers.isSent(page));
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

    private interface PageConsumer {
        void accept(long page);
    }

    private static void forEach(RunList list, PageConsumer consumer) {
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

    /** Frees what was marked and the guest has not touched since. @return pages freed */
    public long free() throws LinuxException {
        long freed = 0;
        batch.clear();
        for (int i = 0; i < count; i++) {
            int entry = table.get(marked[i]);
            boolean isKept = isLeaving(entry, true) && !PageEntry.has(entry, PageEntry.OUTDATED);
            if (isKept && claim(marked[i], entry)) {
                batch.add(marked[i]);
                freed += batch.isFull() ? free(batch) : 0;
            }
        }
        freed += free(batch);
        for (int index = 0; index < PageEntry.MAX_HOMES; index++) {
            freed += store(index, true) + store(index, false);
        }
        count = 0;
        return freed;
    }

    private static boolean isLeaving(int entry, boolean copied) {
        return PageEntry.state(entry) == OUTGOING && PageEntry.isCopied(entry) == copied;
    }

    private boolean claim(long page, int entry) {
        return table.step(page, entry, PageEntry.of(PUNCHING, PageEntry.home(entry)));
    }

    /** Frees pages that are claimed for that, and clears the list. @return how many */
    private long free(RunList claimed) throws LinuxException {
        if (claimed.isEmpty()) {
            return 0;
        }
        points.reached(FaultPoint.RETURN_PUNCHING);
        for (int run = 0; run < claimed.runs(); run++) {
            memory.punch(claimed.first(run), claimed.count(run));
            points.reached(FaultPoint.RETURN_PUNCHED);
            for (long page = claimed.first(run); page < claimed.first(run) + claimed.count(run); page++) {
                table.put(page, PageEntry.pagedOut(PageEntry.home(table.get(page))));
            }
            qemu.wake(argument, claimed.first(run), claimed.count(run)); // faults that found it claimed wait
        }
        if (claimed == stored) {
            forEach(claimed, transfers::returned);
        }
        long pages = claimed.pages();
        claimed.clear();
        return pages;
    }

    /** Sends marked pages to a memory server: those that it has as they were, which takes no room there, or others. @return pages freed */
    private long store(int index, boolean copied) throws LinuxException {
        long freed = 0;
        int next = 0;
        while (next < count) {
            batch.clear();
            for (; next < count && batch.pages() < RunList.MAX_PAGES && !batch.isFull(); next++) {
                int entry = table.get(marked[next]);
                if (isLeaving(entry, copied) && PageEntry.home(entry) == index) {
                    batch.add(marked[next]);
                }
            }
            if (!batch.isEmpty()) {
                freed += storeBatch(index, copied);
            }
        }
        return freed;
    }

    private long storeBatch(int index, boolean copied) throws LinuxException {
        try {
            homes.get(index).store(batch, this::stay);
            pausesNs[pauseOf(index, copied)] = 0;
        } catch (IOException e) {
            forEach(batch, this::stay);
            pause(index, copied, e);
            return 0;
        }
        points.reached(FaultPoint.RETURN_STORED);
        forEach(batch, this::claimStored);
        long freed = free(stored);
        stats.pageOuts.add(freed);
        return freed;
    }

    private void claimStored(long page) {
        int entry = table.get(page);
        if (PageEntry.state(entry) == OUTGOING && claim(page, entry)) {
            stored.add(page);
        }
    }

    private void stay(long page) {
        int entry = table.get(page);
        while (PageEntry.state(entry) == OUTGOING && !table.step(page, entry, PageEntry.staying(entry))) {
            entry = table.get(page);
        }
    }

    private static int pauseOf(int index, boolean copied) {
        return index * 2 + (copied ? 0 : 1);
    }

    private void pause(int index, boolean copied, IOException why) {
        int which = pauseOf(index, copied);
        if (pausesNs[which] == 0) {
            log.warn("pages are not given back to {}: {}", homes.get(index).name(), why.getMessage());
        }
        pausesNs[which] = Math.min(LAST_PAUSE_NS, Math.max(FIRST_PAUSE_NS, pausesNs[which] * 2));
        pausesUntilNs[which] = System.nanoTime() + pausesNs[which];
    }

    private boolean isPausing(int index, boolean copied) {
        int which = pauseOf(index, copied);
        return pausesNs[which] > 0 && pausesUntilNs[which] - System.nanoTime() > 0;
    }

    /** What is marked stays here. */
    public void cancel() {
        for (int i = 0; i < count; i++) {
            stay(marked[i]);
        }
        count = 0;
    }
}
