package org.splitmem.memory.linux;

import com.sun.jna.Native;

/** linux/fs.h, PAGEMAP_SCAN (since Linux 6.7): which pages of a process were written since they were last armed. */
public final class Pagemap {
    /** struct pm_scan_arg. */
    static final class PmScanArg {
        static final int SIZE_FIELD = 0, FLAGS = 8, START = 16, END = 24, WALK_END = 32, VEC = 40, VEC_LEN = 48;
        static final int MAX_PAGES = 56, CATEGORY_INVERTED = 64, CATEGORY_MASK = 72, CATEGORY_ANYOF_MASK = 80;
        static final int RETURN_MASK = 88, SIZE = 96;
    }

    /** struct page_region: a run of pages, [START, END) in bytes of the scanned process's address space. */
    public static final class PageRegion {
        public static final int START = 0, END = 8, CATEGORIES = 16, SIZE = 24;

        private PageRegion() {}
    }

    static final long PAGEMAP_SCAN = Ioctl.readWrite('f', 16, PmScanArg.SIZE);
    /** Of the file itself: one for each page. */
    private static final int ENTRY_BYTES = 8;

    private static final int PAGE_SHIFT = 12;

    private static final long PAGE_IS_WRITTEN = 2;
    private static final long PM_SCAN_WP_MATCHING = 1;

    static {
        Native.register(Pagemap.class, "c");
    }

    private Pagemap() {}

    private static native int ioctl(int fd, long request, long argument);

    /** @return a block for {@link #written} */
    public static NativeBlock newArgument() {
        return new NativeBlock(PmScanArg.SIZE);
    }

    /**
     * Lists the written pages of [start, end).
     *
     * <p>With exactly PAGE_IS_WRITTEN as mask and result the kernel takes its fast path, in which an absent entry beside
     * armed ones counts as written; other masks would miss pages that were zapped after they were written.
     *
     * @param regions room for the runs, a multiple of {@link PageRegion#SIZE}
     * @param rearm whether a write to them after this is to be found by the next call
     * @return number of runs stored; {@link #walkEnd} tells where the scan stopped
     */
    public static int written(
            Fd pagemap, NativeBlock argument, NativeBlock regions, long start, long end, boolean rearm)
            throws LinuxException {
        fill(argument, start, end, rearm ? PM_SCAN_WP_MATCHING : 0);
        argument.putLong(PmScanArg.VEC, regions.address()).putLong(PmScanArg.VEC_LEN, regions.size() / PageRegion.SIZE);
        argument.putLong(PmScanArg.RETURN_MASK, PAGE_IS_WRITTEN);
        int runs = ioctl(pagemap.number(), PAGEMAP_SCAN, argument.address());
        if (runs < 0) {
            throw new LinuxException("PAGEMAP_SCAN(" + (end - start) + " B)", Errno.last());
        }
        return runs;
    }

    private static void fill(NativeBlock argument, long start, long end, long flags) {
        argument.putLong(PmScanArg.SIZE_FIELD, PmScanArg.SIZE)
                .putLong(PmScanArg.FLAGS, flags)
                .putLong(PmScanArg.START, start)
                .putLong(PmScanArg.END, end)
                .putLong(PmScanArg.WALK_END, 0)
                .putLong(PmScanArg.MAX_PAGES, 0)
                .putLong(PmScanArg.CATEGORY_INVERTED, 0)
                .putLong(PmScanArg.CATEGORY_MASK, PAGE_IS_WRITTEN)
                .putLong(PmScanArg.CATEGORY_ANYOF_MASK, 0);
    }

    /** Where the last scan with this argument stopped: its end, or earlier if the runs did not fit. */
    public static long walkEnd(NativeBlock argument) {
        return argument.getLong(PmScanArg.WALK_END);
    }

    /**
     * Proves that what was scanned before this was the memory of a process that had not ended: of one that has, kernels without a check
     * of their own in PAGEMAP_SCAN report that nothing was written.
     *
     * @param argument overwritten
     * @param address of the process, in a mapping
     * @throws LinuxException ESRCH if its memory map is gone
     */
    public static void requireAlive(Fd pagemap, NativeBlock argument, long address) throws LinuxException {
        long offset = (address >>> PAGE_SHIFT) * ENTRY_BYTES;
        if (Unistd.readAt(pagemap, argument.address(), ENTRY_BYTES, offset) != ENTRY_BYTES) {
            throw new LinuxException("the scanned process has ended", Errno.ESRCH);
        }
    }

    /** Bits of an entry of the file. */
    private static final long PRESENT = 1L << 63;

    private static final long UFFD_WP = 1L << 57;

    /** @return a block for {@link #read} of so many entries */
    public static NativeBlock newEntries(int count) {
        return new NativeBlock(count * ENTRY_BYTES);
    }

    /**
     * Reads the entries of neighbouring pages.
     *
     * @param address of the first one, in the process
     * @throws LinuxException ESRCH if its memory map is gone
     */
    public static void read(Fd pagemap, NativeBlock entries, long address, int count) throws LinuxException {
        long bytes = (long) count * ENTRY_BYTES;
        if (Unistd.readAt(pagemap, entries.address(), bytes, (address >>> PAGE_SHIFT) * ENTRY_BYTES) != bytes) {
            throw new LinuxException("the process has ended", Errno.ESRCH);
        }
    }

    /** Whether the page is not mapped, and the kernel knows that nobody has written it since it was last armed. */
    public static boolean isUnmappedAndUnwritten(NativeBlock entries, int index) {
        return (entries.getLong(index * ENTRY_BYTES) & (PRESENT | UFFD_WP)) == UFFD_WP;
    }

    /** Whether nobody has written the page since it was last armed. */
    public static boolean isUnwritten(NativeBlock entries, int index) {
        return (entries.getLong(index * ENTRY_BYTES) & UFFD_WP) != 0;
    }

    /** Whether the page is mapped, and nobody has written it since it was last armed. */
    public static boolean isMappedAndUnwritten(NativeBlock entries, int index) {
        return (entries.getLong(index * ENTRY_BYTES) & (PRESENT | UFFD_WP)) == (PRESENT | UFFD_WP);
    }

    /** True if this kernel has the call: an empty range of this very process is scanned. */
    static boolean supported() throws LinuxException {
        try (Fd self = Unistd.open("/proc/self/pagemap", Unistd.O_RDONLY)) {
            NativeBlock argument = newArgument();
            fill(argument, 0, 0, 0);
            argument.putLong(PmScanArg.VEC, 0).putLong(PmScanArg.VEC_LEN, 0).putLong(PmScanArg.RETURN_MASK, 0);
            return ioctl(self.number(), PAGEMAP_SCAN, argument.address()) >= 0 || Errno.last() != Errno.ENOTTY;
        }
    }
}
