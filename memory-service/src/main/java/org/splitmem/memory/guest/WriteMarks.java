package org.splitmem.memory.guest;

import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Pagemap;
import org.splitmem.memory.linux.Unistd;

/**
 * What the kernel notes for a page whose writes are tracked, and that QEMU does not map: that nobody has written it since it was armed.
 * Where it notes nothing the page may have been written. While it is set the page can be mapped so that this stays known.
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
