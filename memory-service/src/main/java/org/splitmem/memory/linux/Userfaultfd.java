package org.splitmem.memory.linux;

import com.sun.jna.Native;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * linux/userfaultfd.h. Stateless; callers own the blocks they pass. Addresses are those of the process that created
 * the userfaultfd (QEMU), lengths are bytes, both multiples of the page size.
 */
public final class Userfaultfd {
    public static final int REGISTER_MODE_MISSING = 1;
    public static final int REGISTER_MODE_WP = 2;
    public static final int REGISTER_MODE_MINOR = 4;

    public static final long UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1L;
    public static final long UFFD_FEATURE_MISSING_SHMEM = 1L << 5;
    public static final long UFFD_FEATURE_MINOR_SHMEM = 1L << 10;
    public static final long UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1L << 12; // since Linux 5.19
    public static final long UFFD_FEATURE_WP_UNPOPULATED = 1L << 13; // since Linux 6.4
    public static final long UFFD_FEATURE_WP_ASYNC = 1L << 15; // since Linux 6.7

    /** struct uffd_msg, as read from the descriptor. */
    public static final class UffdMsg {
        public static final int EVENT = 0;
        public static final int PAGEFAULT_FLAGS = 8;
        public static final int PAGEFAULT_ADDRESS = 16;
        public static final int SIZE = 32;
        public static final int UFFD_EVENT_PAGEFAULT = 0x12;
        public static final long UFFD_PAGEFAULT_FLAG_MINOR = 4;

        private UffdMsg() {}
    }

    static final class UffdioRange {
        static final int START = 0, LEN = 8, SIZE = 16;
    }

    static final class UffdioZeropage {
        static final int START = 0, LEN = 8, MODE = 16, ZEROPAGE = 24, SIZE = 32;
    }

    static final class UffdioContinue {
        static final int START = 0, LEN = 8, MODE = 16, MAPPED = 24, SIZE = 32;
    }

    static final class UffdioApi {
        static final int API = 0, FEATURES = 8, IOCTLS = 16, SIZE = 24;
    }

    /** Enough for the argument of any call here. */
    public static final int ARGUMENT_SIZE = 40;

    static final int UFFDIO = 0xAA;
    static final long UFFDIO_WAKE = Ioctl.read(UFFDIO, 0x02, UffdioRange.SIZE);
    static final long UFFDIO_ZEROPAGE = Ioctl.readWrite(UFFDIO, 0x04, UffdioZeropage.SIZE);
    static final long UFFDIO_CONTINUE = Ioctl.readWrite(UFFDIO, 0x07, UffdioContinue.SIZE);
    static final long UFFDIO_API = Ioctl.readWrite(UFFDIO, 0x3F, UffdioApi.SIZE);
    static final long USERFAULTFD_IOC_NEW = Ioctl.none(UFFDIO, 0x00);
    private static final long UFFD_API = 0xAA;
    private static final long UFFDIO_CONTINUE_MODE_WP = 2; // since Linux 6.4

    static {
        Native.register(Userfaultfd.class, "c");
    }

    private Userfaultfd() {}

    private static native int ioctl(int fd, long request, long argument); // fixed arity: no varargs in direct mapping

    /** Maps pages that are in the file already, and wakes their waiters. @return 0 or the errno (EEXIST: mapped before) */
    public static int continueRange(Fd uffd, NativeBlock argument, long start, long length) {
        return continueRange(uffd, argument, start, length, 0);
    }

    /** The same, but they do not count as written: only a write to them after this does. The range has to be registered for that. */
    public static int continueArmed(Fd uffd, NativeBlock argument, long start, long length) {
        return continueRange(uffd, argument, start, length, UFFDIO_CONTINUE_MODE_WP);
    }

    private static int continueRange(Fd uffd, NativeBlock argument, long start, long length, long mode) {
        argument.putLong(UffdioContinue.START, start)
                .putLong(UffdioContinue.LEN, length)
                .putLong(UffdioContinue.MODE, mode)
                .putLong(UffdioContinue.MAPPED, 0);
        return ioctl(uffd.number(), UFFDIO_CONTINUE, argument.address()) == 0 ? 0 : Errno.last();
    }

    /** Fills holes with zero pages, and wakes their waiters. @return 0 or the errno */
    public static int zeroRange(Fd uffd, NativeBlock argument, long start, long length) {
        argument.putLong(UffdioZeropage.START, start)
                .putLong(UffdioZeropage.LEN, length)
                .putLong(UffdioZeropage.MODE, 0)
                .putLong(UffdioZeropage.ZEROPAGE, 0);
        return ioctl(uffd.number(), UFFDIO_ZEROPAGE, argument.address()) == 0 ? 0 : Errno.last();
    }

    /** Lets the threads that wait for a fault in the range retry it. @return 0 or the errno */
    public static int wake(Fd uffd, NativeBlock argument, long start, long length) {
        argument.putLong(UffdioRange.START, start).putLong(UffdioRange.LEN, length);
        return ioctl(uffd.number(), UFFDIO_WAKE, argument.address()) == 0 ? 0 : Errno.last();
    }

    /** Where the kernel shows what a descriptor is. */
    private static final String IS_ONE = "anon_inode:[userfaultfd]";

    private static final int PAGE_BYTES = 4096;

    /** Above every address of a process; on x86-64 with five levels of tables. */
    private static final long ADDRESSES = 1L << 56;

    /**
     * Proves that a descriptor from another process is what it is said to be.
     *
     * @param start of the range that it is for, in that process
     * @param length bytes
     * @throws IOException naming what is wrong
     */
    public static void requireOne(Fd uffd, long start, long length) throws IOException {
        boolean isRange = length > 0
                && start > 0
                && length < ADDRESSES
                && start < ADDRESSES - length
                && (start | length) % PAGE_BYTES == 0;
        if (!isRange) {
            throw new IOException(Long.toUnsignedString(length) + " B at 0x" + Long.toHexString(start)
                    + " are no whole pages of a process");
        }
        String is = Files.readSymbolicLink(Path.of("/proc/self/fd/" + uffd.number()))
                .toString();
        if (!is.equals(IS_ONE)) {
            throw new IOException("the descriptor is no userfaultfd, but " + is);
        }
        if (!Unistd.isNonBlocking(uffd)) {
            throw new IOException("the userfaultfd would make its reader wait: it lacks O_NONBLOCK");
        }
        // Of one page, which is the least: the pager wakes the threads that wait, this only asks the kernel what the
        // descriptor is.
        int errno = wake(uffd, new NativeBlock(ARGUMENT_SIZE), start + length - PAGE_BYTES, PAGE_BYTES);
        if (errno != 0) {
            throw new IOException("the userfaultfd was not made ready by UFFDIO_API: " + Errno.describe(errno));
        }
    }

    /** Opens a userfaultfd of this process and returns the features the kernel knows. Used only to probe. */
    static long features() throws LinuxException {
        try (Fd device = Unistd.open("/dev/userfaultfd", Unistd.O_RDWR)) {
            int number = ioctl(device.number(), USERFAULTFD_IOC_NEW, Unistd.O_CLOEXEC | Unistd.O_NONBLOCK);
            if (number < 0) {
                throw new LinuxException("USERFAULTFD_IOC_NEW", Errno.last());
            }
            try (Fd uffd = new Fd(number)) {
                NativeBlock api = new NativeBlock(UffdioApi.SIZE);
                api.putLong(UffdioApi.API, UFFD_API).putLong(UffdioApi.FEATURES, 0);
                if (ioctl(uffd.number(), UFFDIO_API, api.address()) != 0) {
                    throw new LinuxException("UFFDIO_API", Errno.last());
                }
                return api.getLong(UffdioApi.FEATURES);
            }
        }
    }
}
