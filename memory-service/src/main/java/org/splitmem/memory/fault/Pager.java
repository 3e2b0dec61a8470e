package org.splitmem.memory.fault;

import static org.splitmem.memory.page.PageState.FILLING;
import static org.splitmem.memory.page.PageState.INCOMING;
import static org.splitmem.memory.page.PageState.LOCAL;
import static org.splitmem.memory.page.PageState.ZERO;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.guest.WriteMarks;
import org.splitmem.memory.home.Homes;
import org.splitmem.memory.linux.Errno;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Poller;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.linux.Userfaultfd.UffdMsg;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.thread.EssentialThread;
import org.splitmem.memory.thread.Trouble;

/**
 * Reads one VM's faults and has each answered: from the file, with zeros, or by a page-in.
 *
 * <p>What to do depends on the page's state alone, never on the kind of fault: a message may be older than the state. A
 * page that cannot be had is never answered; its threads wait, and can still be rescued.
 */
public final class Pager implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Pager.class);
    private static final int MESSAGES = 64;

    private final String vm;
    private final GuestMemory memory;
    private final QemuMemory qemu;
    private final PageTable table;
    private final Homes homes;
    private final FaultStats stats;
    private final Arrivals arrivals;
    private final ReadAhead readAhead;
    private final Tuning tuning;
    private final @Nullable ChunkSeal seal;
    private final ChunkWanter wanter;

    private final NativeBlock messages = new NativeBlock(MESSAGES * UffdMsg.SIZE);
    private final NativeBlock argument = QemuMemory.newArgument();
    private final NativeBlock entries = WriteMarks.newEntries();
    /** It ends within microseconds, or never. */
    private static final long END_MS = 5_000;

    private final Poller poller;
    private final EssentialThread thread;
    private final FailedFaults failed = new FailedFaults();
    private final LongConsumer waker;
    private final Trouble trouble = new Trouble(FailedFaults.LAST_PAUSE_NS * 4);
    /** What this VM's QEMU can bring about: it is logged, and the daemon is well. */
    private final Trouble strange = new Trouble(FailedFaults.LAST_PAUSE_NS * 4);

    private volatile boolean closed;

    /** Told when a fault waits for a sealed chunk; once for each chunk. */
    public interface ChunkWanter {
        void want(int chunk);
    }

    /**
     * How the pager behaves.
     *
     * @param zeroFillPages most pages to fill at once, 1 to 512
     * @param readAheadPages most pages to read ahead, 0 for none
     * @param mapAroundPages most pages to map at a fault on one that is here, 1 to 512
     * @param hotSkips visits of the clock hand that leave a page alone after it was found in use, 0 to 7
     */
    public record Tuning(int zeroFillPages, int readAheadPages, int mapAroundPages, int hotSkips) {
        public Tuning {
            if (zeroFillPages < 1 || zeroFillPages > 512) {
                throw new IllegalArgumentException("pager.zero-fill-pages must be 1 to 512: " + zeroFillPages);
            }
            if (readAheadPages < 0 || readAheadPages > 256) {
                throw new IllegalArgumentException("pager.read-ahead-pages must be 0 to 256: " + readAheadPages);
            }
            if (mapAroundPages < 1 || mapAroundPages > 512) {
                throw new IllegalArgumentException("pager.map-around-pages must be 1 to 512: " + mapAroundPages);
            }
            if (hotSkips < 0 || hotSkips > PageEntry.MAX_AGE) {
                throw new IllegalArgumentException("working-set.hot-skips must be 0 to 7: " + hotSkips);
            }
        }
    }

    /** @param seal of an incoming VM, null for one that is at home here */
    public Pager(
            String vm,
            QemuMemory qemu,
            Arrivals arrivals,
            Homes homes,
            Tuning tuning,
            @Nullable ChunkSeal seal,
            ChunkWanter wanter)
            throws LinuxException {
        this.vm = vm;
        this.memory = arrivals.memory();
        this.qemu = qemu;
        this.table = arrivals.table();
        this.homes = homes;
        this.stats = arrivals.stats();
        this.arrivals = arrivals;
        this.readAhead = new ReadAhead(tuning.readAheadPages());
        this.tuning = tuning;
        this.seal = seal;
        this.wanter = wanter;
        List<Fd> fds = new ArrayList<>();
        for (int i = 0; i < qemu.backends(); i++) {
            fds.add(qemu.uffd(i));
        }
        this.poller = new Poller(fds);
        this.waker = page -> qemu.wake(argument, page, 1);
        this.thread = new EssentialThread("pager-" + vm, "the pager of VM " + vm, this::round);
    }

    public void start() {
        thread.start();
    }

    /** @return false if there are no faults any more to be read */
    private boolean round() throws LinuxException {
        if (closed) {
            return false;
        }
        poller.await(failed.waitMs(System.nanoTime()));
        for (int backend = 0; backend < qemu.backends(); backend++) {
            // As the kernel says of one without O_NONBLOCK: a flag that QEMU shares, and can change.
            if (poller.broken(backend)) {
                log.error(
                        "vm={} QEMU has made the userfaultfd of backend {} blocking; its guest's faults wait from now on",
                        vm,
                        backend);
                return false;
            }
            if (poller.readable(backend) && !readFaults(backend)) {
                return false;
            }
        }
        failed.wakeDue(System.nanoTime(), waker);
        return true;
    }

    /** What fails at present; null if nothing does. Any thread. */
    public @Nullable String trouble() {
        String own = thread.trouble();
        return own != null ? own : trouble.now();
    }

    /** @return false if QEMU is gone */
    private boolean readFaults(int backend) throws LinuxException {
        long n = Unistd.readOrErrno(qemu.uffd(backend), messages.address(), messages.size());
        if (n == -Errno.EAGAIN || n == -Errno.EINTR) {
            return true;
        }
        if (n <= 0) {
            log.info("vm={} userfaultfd of backend {} ended", vm, backend);
            return false;
        }
        if (closed) { // perhaps long ago, see close
            return false;
        }
        long nowNs = System.nanoTime();
        for (int at = 0; at < n; at += UffdMsg.SIZE) {
            if (messages.buffer().get(at + UffdMsg.EVENT) == UffdMsg.UFFD_EVENT_PAGEFAULT) {
                answerOrRetry(backend, messages.getLong(at + UffdMsg.PAGEFAULT_ADDRESS), nowNs);
            }
        }
        return true;
    }

    /** One that cannot be answered now, the kernel having no memory for it say, is to hold up no other. */
    private void answerOrRetry(int backend, long address, long nowNs) {
        long page;
        try {
            page = qemu.pageAt(backend, address);
        } catch (IndexOutOfBoundsException e) { // of a range that QEMU has added: nothing of ours
            tell("backend " + backend + " has a fault outside of its RAM, at 0x" + Long.toHexString(address), e);
            return;
        }
        try {
            onFault(page, nowNs);
        } catch (LinuxException | RuntimeException e) {
            if (e instanceof LinuxException l && l.errno() == Errno.ESRCH) {
                return; // QEMU has just exited
            }
            tell("page " + page + " cannot be answered yet: " + e.getMessage(), e);
            if (failed.isFull()) {
                LockSupport.parkNanos(failed.leftNs(System.nanoTime()));
                failed.wakeDue(System.nanoTime(), waker);
            }
            failed.add(page, System.nanoTime());
        }
    }

    private void tell(String what, Exception why) {
        Trouble of = FailedFaults.isShortage(why) ? trouble : strange;
        if (of.isNews("VM " + vm + ": " + what)) {
            log.error("vm={} {}", vm, what, why);
        }
    }

    void onFault(long page, long nowNs) throws LinuxException {
        if (seal != null && seal.isSealed(page)) {
            int chunk = ChunkSeal.chunkOf(page);
            if (seal.want(chunk)) {
                wanter.want(chunk);
            }
            return; // opening the chunk wakes its waiters, who then fault again
        }
        boolean answered = false;
        while (!answered) { // until no other thread moves the entry meanwhile
            answered = answer(page, nowNs);
        }
    }

    /** @return false if the entry moved meanwhile */
    private boolean answer(long page, long nowNs) throws LinuxException {
        int entry = table.get(page);
        return switch (PageEntry.state(entry)) {
            case LOCAL, OUTGOING -> mapPresent(page);
            case ZERO -> fill(page);
            case REMOTE -> pageIn(page, entry, PageEntry.of(INCOMING, PageEntry.home(entry)), nowNs);
            case AT_SOURCE -> pageIn(page, entry, PageEntry.of(INCOMING) | PageEntry.FROM_SOURCE, nowNs);
            case INCOMING -> isAskedFor(page, entry, nowNs);
            // Whoever finishes these wakes the waiters.
            case PUNCHING, FILLING -> true;
        };
    }

    /** Inside the gate, which must not be held while a peer is waited for: whoever brings its answer needs it too. */
    private boolean mapPresent(long page) throws LinuxException {
        long ticket = arrivals.gate().enter();
        try {
            int entry = table.get(page);
            return switch (PageEntry.state(entry)) {
                case LOCAL -> answerLocal(page, entry);
                case OUTGOING -> cancelPageOut(page, entry);
                case ZERO, REMOTE, AT_SOURCE, INCOMING, PUNCHING, FILLING -> false;
            };
        } finally {
            arrivals.gate().leave(ticket);
        }
    }

    private boolean answerLocal(long page, int entry) throws LinuxException {
        int young = PageEntry.touched(entry, tuning.hotSkips());
        if (young != entry && !table.step(page, entry, young)) {
            return false;
        }
        stats.minor.increment();
        mapHere(page, around(page));
        return true;
    }

    /** As much of it as can be mapped in one way: what is left faults by itself. */
    private void mapHere(long page, long count) throws LinuxException {
        WriteMarks marks = arrivals.marks();
        if (marks == null) {
            arrivals.map(argument, page, count);
            return;
        }
        long unwritten = marks.countUnwritten(entries, page, count);
        if (unwritten > 0) {
            arrivals.mapUnwritten(argument, page, unwritten);
        } else {
            arrivals.map(argument, page, 1);
        }
    }

    /** Pages from this one on that nobody samples: mapped along, they need no fault of their own. */
    private long around(long page) {
        long end = memory.endOfPart(page, page + tuning.mapAroundPages());
        long next = page + 1;
        while (next < end) {
            int entry = table.get(next);
            boolean plain = PageEntry.state(entry) == LOCAL && !PageEntry.has(entry, PageEntry.SAMPLED);
            if (!plain || !isOpen(next)) {
                break;
            }
            next++;
        }
        return next - page;
    }

    private boolean cancelPageOut(long page, int entry) throws LinuxException {
        boolean isCopied = PageEntry.isCopied(entry);
        if (!table.step(page, entry, isCopied ? PageEntry.staying(entry) : PageEntry.of(LOCAL))) {
            return false;
        }
        stats.pageOutsCancelled.increment();
        mapHere(page, 1);
        return true;
    }

    private boolean pageIn(long page, int entry, int incoming, long nowNs) {
        if (!table.step(page, entry, incoming)) {
            return false;
        }
        homes.of(incoming).request(page, nowNs);
        if (PageEntry.state(entry) == PageState.REMOTE) {
            if (PageEntry.wasPagedOut(entry)) {
                stats.refaults.increment();
            }
            readAhead(page, entry);
        }
        return true;
    }

    /** The thread that receives the page wakes the waiters. A page asked for in bulk is asked for again, on the connection for faults. */
    private boolean isAskedFor(long page, int entry, long nowNs) {
        if (!PageEntry.isInBulk(entry, PageEntry.home(entry))) {
            return true;
        }
        if (!table.step(page, entry, PageEntry.of(INCOMING, PageEntry.home(entry)))) {
            return false;
        }
        homes.of(entry).request(page, nowNs); // what comes in bulk is thrown away from now on
        return true;
    }

    /** Whether it is known that a page is current: one that is not must not come to be mapped by what its neighbours are asked for. */
    private boolean isOpen(long page) {
        return seal == null || !seal.isSealed(page);
    }

    private void readAhead(long page, int entry) {
        long end = memory.endOfPart(page, page + 1 + readAhead.onFault(page));
        for (long next = page + 1; next < end && isOpen(next); next++) {
            int e = table.get(next);
            boolean isSameHome = PageEntry.state(e) == PageState.REMOTE && PageEntry.home(e) == PageEntry.home(entry);
            if (isSameHome
                    && homes.of(e).hasRoomToSpare()
                    && table.step(next, e, PageEntry.of(INCOMING, PageEntry.home(e)))) {
                homes.of(e).request(next, Arrivals.NOBODY_WAITS);
                stats.readAheadPages.increment();
            }
        }
    }

    /** Fills the page, and the never-written ones after it up to a limit: one call instead of a fault for each. */
    private boolean fill(long page) throws LinuxException {
        int zero = table.get(page);
        if (PageEntry.state(zero) != ZERO || !table.step(page, zero, PageEntry.of(FILLING))) {
            return false;
        }
        long end = page + 1;
        long aligned = page - page % tuning.zeroFillPages() + tuning.zeroFillPages();
        long limit = memory.endOfPart(page, aligned);
        while (end < limit && isOpen(end)) {
            int entry = table.get(end);
            if (PageEntry.state(entry) != ZERO || !table.step(end, entry, PageEntry.of(FILLING))) {
                break;
            }
            end++;
        }
        fillClaimed(page, end - page);
        return true;
    }

    private void fillClaimed(long page, long count) throws LinuxException {
        long end = page + count;
        long next = page;
        try {
            if (qemu.zeroPages(argument, page, count) == 0) {
                for (; next < end; next++) {
                    table.put(next, PageEntry.of(LOCAL));
                }
                filled(page, count);
            } else { // some are in the file already: written before the table knew the VM; or QEMU has cut it short
                for (; next < end; next++) {
                    if (fillOne(next)) {
                        filled(next, 1);
                    }
                }
            }
        } finally {
            notFilled(page, next, end);
        }
    }

    private void filled(long page, long count) {
        stats.zeroFills.add(count);
        qemu.wake(argument, page, count); // those that faulted while the state was FILLING were not answered
    }

    /** There was no memory for those from {@code next} on: they are what they were. The page whose fault this is is tried again later. */
    private void notFilled(long page, long next, long end) {
        for (long p = next; p < end; p++) {
            if (PageEntry.state(table.get(p)) == FILLING) {
                table.put(p, PageEntry.of(ZERO));
            }
        }
        long others = Math.max(next, page + 1);
        qemu.wake(argument, others, Math.max(0, end - others));
    }

    /** @return false if the page is beyond the end of the file: who waits for it is not woken, only to ask again */
    private boolean fillOne(long page) throws LinuxException {
        int errno = qemu.zeroPages(argument, page, 1);
        if (errno == Errno.EFAULT) {
            table.put(page, PageEntry.of(ZERO));
            arrivals.lost(page, "QEMU has cut its RAM file short");
            return false;
        }
        if (errno != 0 && errno != Errno.EEXIST) {
            throw new LinuxException("UFFDIO_ZEROPAGE(page " + page + ")", errno);
        }
        long ticket = arrivals.gate().enter();
        try {
            table.put(page, PageEntry.of(LOCAL));
            if (errno == Errno.EEXIST) {
                arrivals.map(argument, page, 1);
            }
        } finally {
            arrivals.gate().leave(ticket);
        }
        return true;
    }

    /**
     * Ends the pager; faults wait from then on. Its thread may stay behind if QEMU has made the userfaultfd blocking just when it was about
     * to read: it touches nothing any more then, and no other VM waits for it.
     */
    @Override
    public void close() {
        closed = true;
        thread.end();
        poller.wakeUp();
        try {
            if (!thread.join(END_MS)) {
                log.error("vm={} QEMU's userfaultfd keeps the pager's thread, which is left behind", vm);
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return; // the descriptors stay open: the thread may still use them
        }
        poller.close();
    }
}
