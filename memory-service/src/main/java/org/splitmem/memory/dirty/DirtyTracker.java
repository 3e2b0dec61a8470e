package org.splitmem.memory.dirty;

import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Pagemap;
import org.splitmem.memory.linux.Pagemap.PageRegion;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.page.Pages;

/**
 * Finds and re-arms written pages of one VM.
 *
 * <p>Needs the ranges registered with mode WP on a userfaultfd with WP_ASYNC. While a migration relies on it nobody may
 * zap: since Linux 6.14 a zap that empties a whole page-table page frees it, and with it the knowledge that the pages were
 * written. And nobody may punch holes: an armed page that is punched does not count as written, not even once it was read again
 * (Linux 6.18).
 *
 * <p>Each call of the kernel is for at most {@link #MOST_PAGES}: under KVM one that arms drops the guest's mappings in all of its range, and
 * until it is done no fault in there is answered.
 *
 * <p>Any thread may ask for a log of its own.
 */
public final class DirtyTracker implements AutoCloseable {
    private static final int REGIONS = 4096;
    /** As many as a chunk has: 128 MiB, about 0.3 ms of scanning. */
    static final long MOST_PAGES = 32_768;

    private final GuestMemory memory;
    private final QemuMemory qemu;
    private final Fd pagemap;

    public DirtyTracker(GuestMemory memory, QemuMemory qemu) throws LinuxException {
        this.memory = memory;
        this.qemu = qemu;
        this.pagemap = Unistd.open("/proc/" + qemu.pid() + "/pagemap", Unistd.O_RDONLY);
    }

    /** For one thread. */
    public WriteLog log() {
        return new Scanner(memory, qemu, new PagemapScan());
    }

    private final class PagemapScan implements KernelScan {
        private final NativeBlock argument = Pagemap.newArgument();

        @Override
        public int written(NativeBlock regions, long start, long end, boolean rearm) throws LinuxException {
            return Pagemap.written(pagemap, argument, regions, start, end, rearm);
        }

        @Override
        public long walkEnd() {
            return Pagemap.walkEnd(argument);
        }

        @Override
        public void requireAlive(long address) throws LinuxException {
            Pagemap.requireAlive(pagemap, argument, address);
        }
    }

    @Override
    public void close() {
        pagemap.close();
    }

    /** What one thread uses. */
    static final class Scanner implements WriteLog {
        private final GuestMemory memory;
        private final QemuMemory qemu;
        private final KernelScan kernel;
        private final NativeBlock regions = new NativeBlock(REGIONS * PageRegion.SIZE);

        Scanner(GuestMemory memory, QemuMemory qemu, KernelScan kernel) {
            this.memory = memory;
            this.qemu = qemu;
            this.kernel = kernel;
        }

        @Override
        public void scan(long page, long count, boolean rearm, RunConsumer written) throws LinuxException {
            long at = page;
            while (at < page + count) {
                long end = memory.endOfPart(at, page + count);
                scanBackend(memory.backendOf(at), at, end, rearm, written);
                at = end;
            }
        }

        private void scanBackend(int backend, long page, long end, boolean rearm, RunConsumer written)
                throws LinuxException {
            long base = qemu.hva(backend) - Pages.toBytes(memory.firstPage(backend));
            long from = base + Pages.toBytes(page);
            long to = base + Pages.toBytes(end);
            while (from < to) {
                long pieceEnd = Math.min(to, from + Pages.toBytes(MOST_PAGES));
                int runs = kernel.written(regions, from, pieceEnd, rearm);
                for (int run = 0; run < runs; run++) {
                    long start = regions.getLong(run * PageRegion.SIZE + PageRegion.START);
                    long stop = regions.getLong(run * PageRegion.SIZE + PageRegion.END);
                    written.accept(Pages.fromBytes(start - base), Pages.fromBytes(stop - start));
                }
                long reached = kernel.walkEnd();
                if (reached <= from) {
                    throw new LinuxException("PAGEMAP_SCAN made no progress at " + Long.toHexString(from), 0);
                }
                from = reached;
            }
            kernel.requireAlive(base + Pages.toBytes(page));
        }
    }
}
