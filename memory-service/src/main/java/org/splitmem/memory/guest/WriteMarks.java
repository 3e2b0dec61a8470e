package org.splitmem.memory.guest;

import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Pagemap;
import org.splitmem.memory.linux.Unistd;

/**
 * Reads the write-protect marks that the kernel keeps in QEMU's page table while writes are tracked. A marked page has not been written since
 * it was last armed; one without a mark may have been. A marked page that is not mapped can be mapped without losing the mark.
 *
 * <p>Any thread; each passes a block of its own.
 */
public final class WriteMarks implements AutoCloseable {
    /** Most pages of a call. */
    public static final int MOST_PAGES = 512;

    private final GuestMemory memory;
    private final QemuMemory qemu;
    private final Fd pagemap;

    public WriteMarks(GuestMemory memory, QemuMemory qemu) throws LinuxException {
        this.memory = memory;
        this.qemu = qemu;
        this.pagemap = Unistd.open("/proc/" + qemu.pid() + "/pagemap", Unistd.O_RDONLY);
    }

    /** A block for the calls of one thread. */
    public static NativeBlock newEntries() {
        return Pagemap.newEntries(MOST_PAGES);
    }

    /**
     * Reads what is noted of pages of one backend: see {@link Pagemap#isUnmappedAndUnwritten}.
     *
     * @param count at most {@value #MOST_PAGES}
     */
    public void read(NativeBlock entries, long page, int count) throws LinuxException {
        Pagemap.read(pagemap, entries, qemu.hvaOf(memory.backendOf(page), page), count);
    }

    /** How many pages from this one on, of one backend, are not mapped and surely unwritten. */
    public long countUnwritten(NativeBlock entries, long page, long count) throws LinuxException {
        int most = (int) Math.min(count, MOST_PAGES);
        read(entries, page, most);
        int unwritten = 0;
        while (unwritten < most && Pagemap.isUnmappedAndUnwritten(entries, unwritten)) {
            unwritten++;
        }
        return unwritten;
    }

    @Override
    public void close() {
        pagemap.close();
    }
}
