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
 * <p>Any thread may ask for a log of its own.
 */
public final class DirtyTracker implements AutoCloseable {
    private static final int REGIONS = 4096;

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
        return new Scanner();
    }

    @Override
    public void close() {
        pagemap.close();
    }

    private final class Scanner implements WriteLog {
        private final NativeBlock argument = Pagemap.newArgument();
        private final NativeBlock regions = new NativeBlock(REGIONS * PageRegion.SIZE);

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
                int runs = Pagemap.written(pagemap, argument, regions, from, to, rearm);
                for (int run = 0; run < runs; run++) {
                    long start = regions.getLong(run * PageRegion.SIZE + PageRegion.START);
                    long stop = regions.getLong(run * PageRegion.SIZE + PageRegion.END);
                    written.accept(Pages.fromBytes(start - base), Pages.fromBytes(stop - start));
                }
                long reached = Pagemap.walkEnd(argument);
                if (reached <= from) {
                    throw new LinuxException("PAGEMAP_SCAN made no progress at " + Long.toHexString(from), 0);
                }
                from = reached;
            }
            Pagemap.requireAlive(pagemap, argument, base + Pages.toBytes(page));
        }
    }
}
