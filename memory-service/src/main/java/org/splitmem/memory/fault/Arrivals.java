package org.splitmem.memory.fault;

import static org.splitmem.memory.page.PageState.INCOMING;
import static org.splitmem.memory.page.PageState.LOCAL;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.MappingGate;
import org.splitmem.memory.guest.PageCopies;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.guest.WriteMarks;
import org.splitmem.memory.linux.Errno;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.remote.PageSink;

/**
 * Takes pages that arrive for one VM: verifies them, makes them LOCAL, maps them into QEMU and wakes who waits.
 *
 * <p>Shared by the pager and the arrivals from all peers; {@link #sinkFor} makes one sink for each receiving thread.
 */
public final class Arrivals {
    /** In place of a time: nobody waits for this page, so its latency is not the guest's. */
    public static final long NOBODY_WAITS = Long.MIN_VALUE;

    /** Lost pages of a VM that are named in the log; all are counted. */
    private static final long MOST_LOGGED = 1000;

    private static final Logger log = LoggerFactory.getLogger(Arrivals.class);

    private final String vm;
    private final GuestMemory memory;
    private final QemuMemory qemu;
    private final PageTable table;
    private final FaultStats stats;
    private final FaultPoints points;
    private final MappingGate gate = new MappingGate();
    private volatile @Nullable WriteMarks marks;

    public Arrivals(
            String vm, GuestMemory memory, QemuMemory qemu, PageTable table, FaultStats stats, FaultPoints points) {
        this.points = points;
        this.vm = vm;
        this.memory = memory;
        this.qemu = qemu;
        this.table = table;
        this.stats = stats;
    }

    GuestMemory memory() {
        return memory;
    }

    PageTable table() {
        return table;
    }

    FaultStats stats() {
        return stats;
    }

    /** To be entered by whoever maps pages. */
    public MappingGate gate() {
        return gate;
    }

    /**
     * While it is set, writes are tracked: what a memory server has of a page that arrives stays there, and neither an arrival nor a fault on a page
     * that is here makes it count as written. To be set only once the kernel tracks writes.
     *
     * @param notes what the kernel knows; null: the former way. It may be closed when this returns
     */
    public void track(@Nullable WriteMarks notes) {
        marks = notes;
        gate.awaitMappers();
    }

    /** Null unless writes are tracked. To be asked for within the gate. */
    @Nullable
    WriteMarks marks() {
        return marks;
    }

    /** Told of each page that arrived, so that the peer's copy, now stale, can be dropped. */
    public interface Stale {
        void copyOf(long page);
    }

    /** Asks a memory server for a page. */
    public interface Asks {
        /** @return false if the VM has no such memory server */
        boolean ask(int host, long page, long askedNs);
    }

    /** The sink for one memory server's receiving thread. */
    public PageSink sinkFor(Stale stale) {
        return new Sink(stale, (host, page, askedNs) -> false);
    }

    /** The sink for the thread that receives from a migration's source, which may have left pages on memory servers. */
    public PageSink sinkForSource(Asks servers) {
        return new Sink(page -> {}, servers);
    }

    /**
     * Maps pages that are LOCAL and in the file, and wakes who waits for them; within one backend, and within the gate.
     *
     * @param argument the calling thread's own
     */
    public void map(NativeBlock argument, long page, long count) throws LinuxException {
        mapped(argument, page, count, qemu.continuePages(argument, page, count));
    }

    /** Likewise, but the mapping does not make them count as written. Only for pages that QEMU has not mapped since they were last armed. */
    void mapUnwritten(NativeBlock argument, long page, long count) throws LinuxException {
        mapped(argument, page, count, qemu.continueArmed(argument, page, count));
    }

    private void mapped(NativeBlock argument, long page, long count, int errno) throws LinuxException {
        if (errno == 0) {
            return;
        }
        if (errno == Errno.EEXIST || errno == Errno.EAGAIN) {
            qemu.wake(argument, page, count); // mapped meanwhile, at least in part: the rest faults again
        } else if ((errno == Errno.EFAULT || errno == Errno.EINVAL)
                && !memory.hasData(page)) { // a hole, or beyond the end
            lost(page, "it should be here but is not in the file");
        } else if (errno != Errno.ESRCH && errno != Errno.ENOENT) {
            // Those two: QEMU has just exited; the page was just left to the kernel, and who waited was woken.
            throw new LinuxException("UFFDIO_CONTINUE(page " + page + ", " + count + " pages)", errno);
        }
    }

    /** A page cannot be had: counted, and logged unless too many were: a hostile QEMU can lose its pages again and again. */
    void lost(long page, String reason) {
        stats.lost.increment();
        if (stats.lost.sum() <= MOST_LOGGED) {
            log.error("vm={} page {} is lost, the guest waits on it for ever: {}", vm, page, reason);
        }
    }

    private final class Sink implements PageSink {
        private final Stale stale;
        private final Asks servers;
        private final NativeBlock argument = QemuMemory.newArgument();
        private final PageCopies copy = new PageCopies(memory, 1);

        Sink(Stale stale, Asks servers) {
            this.stale = stale;
            this.servers = servers;
        }

        @Override
        public long address(long page) {
            return copy.address(0);
        }

        @Override
        public boolean arrived(long page, int checksum, long askedNs) throws LinuxException {
            if (copy.checksum(0, page) != checksum) {
                stats.damaged.increment();
                return false;
            }
            int entry = table.get(page);
            if (PageEntry.state(entry) == INCOMING) {
                memory.write(copy.address(0), page, 1);
            }
            points.reached(FaultPoint.PAGE_ARRIVED);
            long ticket = gate.enter();
            try {
                boolean isKept = marks != null && !PageEntry.has(entry, PageEntry.FROM_SOURCE);
                int here = isKept ? PageEntry.copied(PageEntry.home(entry)) : PageEntry.of(LOCAL);
                if (PageEntry.state(entry) != INCOMING || !table.step(page, entry, here)) {
                    failed(page, "it arrived but was not asked for (state " + PageEntry.state(entry) + ")");
                    return true;
                }
                points.reached(FaultPoint.PAGE_LOCAL);
                if (isKept) {
                    mapUnwritten(argument, page, 1); // it was a hole: if it is mapped by now, it counts as written
                } else {
                    stale.copyOf(page); // a page-out of this page waits for the gate: it cannot store before that
                    map(argument, page, 1);
                }
            } catch (LinuxException e) {
                log.warn("vm={} page {} arrived, its fault has to be tried again: {}", vm, page, e.getMessage());
                qemu.wake(argument, page, 1); // its threads fault again, and the pager tries for as long as it takes
            } finally {
                gate.leave(ticket);
            }
            stats.pageIns.increment();
            if (askedNs != NOBODY_WAITS && !PageEntry.has(entry, PageEntry.FROM_SOURCE)) {
                stats.pageInLatency().record(System.nanoTime() - askedNs);
            }
            return true;
        }

        /** Only the receiving thread takes a page out of its state, so the step cannot fail. */
        @Override
        public boolean isElsewhere(long page, int host, long askedNs) {
            int asked = PageEntry.of(INCOMING) | PageEntry.FROM_SOURCE;
            if (host < 0 || host >= PageEntry.MAX_HOMES || table.get(page) != asked) {
                return false;
            }
            table.put(page, PageEntry.of(INCOMING, host)); // first: the answer may come at once
            return servers.ask(host, page, askedNs);
        }

        @Override
        public void failed(long page, String reason) {
            lost(page, reason);
        }
    }
}
