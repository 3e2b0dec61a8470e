package org.splitmem.memory.linux;

import com.sun.jna.Native;

/** unistd.h and fcntl.h: files, by descriptor and 64-bit offset. Stateless. */
public final class Unistd {
    public static final int O_RDONLY = 0;
    public static final int O_RDWR = 2;
    public static final int O_CREAT = 0x40;
    public static final int O_CLOEXEC = 0x80000;
    public static final int O_NONBLOCK = 0x800;
    private static final int SEEK_END = 2;
    static final int SEEK_DATA = 3;
    static final int SEEK_HOLE = 4;
    static final int FALLOC_FL_KEEP_SIZE = 1;
    static final int FALLOC_FL_PUNCH_HOLE = 2;
    static final int F_GETFL = 3;
    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int SIGNAL_NONE = 0;

    static {
        Native.register(Unistd.class, "c");
    }

    private Unistd() {}

    private static native int open(String path, int flags, int mode);

    private static native int close(int fd);

    private static native long read(int fd, long address, long length);

    private static native long lseek(int fd, long offset, int whence);

    private static native int ftruncate(int fd, long length);

    private static native int fallocate(int fd, int mode, long offset, long length);

    private static native int fcntl(int fd, int command, int argument);

    private static native int kill(int pid, int signal);

    private static native int eventfd(int initial, int flags);

    private static native long pread(int fd, long address, long length, long offset);

    private static native long pwrite(int fd, long address, long length, long offset);

    private static native long write(int fd, long address, long length);

    public static Fd open(String path, int flags) throws LinuxException {
        int fd = open(path, flags | O_CLOEXEC, 0600);
        if (fd < 0) {
            throw new LinuxException("open(" + path + ")", Errno.last());
        }
        return new Fd(fd);
    }

    static void closeQuietly(int fd) {
        close(fd); // Linux releases the number even on EINTR; there is nothing left to do about any error
    }

    public static Fd duplicate(Fd fd) throws LinuxException {
        int copy = fcntl(fd.number(), F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            throw new LinuxException("fcntl(F_DUPFD_CLOEXEC)", Errno.last());
        }
        return new Fd(copy);
    }

    static boolean isNonBlocking(Fd fd) throws LinuxException {
        int flags = fcntl(fd.number(), F_GETFL, 0);
        if (flags < 0) {
            throw new LinuxException("fcntl(F_GETFL)", Errno.last());
        }
        return (flags & O_NONBLOCK) != 0;
    }

    /** @return bytes read, 0 at the end, or minus the errno */
    public static long readOrErrno(Fd fd, long address, long length) {
        long n = read(fd.number(), address, length);
        return n >= 0 ? n : -Errno.last();
    }

    public static void truncate(Fd fd, long length) throws LinuxException {
        if (ftruncate(fd.number(), length) != 0) {
            throw new LinuxException("ftruncate(" + length + " B)", Errno.last());
        }
    }

    /** Bytes of a file. */
    public static long size(Fd fd) throws LinuxException {
        return seek(fd, 0, SEEK_END);
    }

    /** First byte at or after {@code offset} that is not in a hole, or -1 if only a hole follows. */
    public static long nextData(Fd fd, long offset) throws LinuxException {
        return seek(fd, offset, SEEK_DATA);
    }

    /** First byte at or after {@code offset} that is in a hole (the end of the file counts as one), or -1 past the end. */
    public static long nextHole(Fd fd, long offset) throws LinuxException {
        return seek(fd, offset, SEEK_HOLE);
    }

    private static long seek(Fd fd, long offset, int whence) throws LinuxException {
        long position = lseek(fd.number(), offset, whence);
        if (position < 0) {
            int errno = Errno.last();
            if (errno == Errno.ENXIO) {
                return -1;
            }
            throw new LinuxException("lseek(" + offset + ", whence " + whence + ")", errno);
        }
        return position;
    }

    /** @return bytes read, 0 at the end */
    static long readAt(Fd fd, long address, long length, long offset) throws LinuxException {
        while (true) {
            long n = pread(fd.number(), address, length, offset);
            if (n >= 0) {
                return n;
            }
            int errno = Errno.last();
            if (errno != Errno.EINTR) {
                throw new LinuxException("pread(offset " + offset + ", " + length + " B)", errno);
            }
        }
    }

    /** Reads a whole range of a file into memory. @return false if the file ends before */
    public static boolean readWholeAt(Fd fd, long address, long length, long offset) throws LinuxException {
        long done = 0;
        while (done < length) {
            long n = readAt(fd, address + done, length - done, offset + done);
            if (n == 0) {
                return false;
            }
            done += n;
        }
        return true;
    }

    /** Writes a whole range of memory to a file. */
    public static void writeAt(Fd fd, long address, long length, long offset) throws LinuxException {
        long written = 0;
        while (written < length) {
            long n = pwrite(fd.number(), address + written, length - written, offset + written);
            if (n < 0) {
                int errno = Errno.last();
                if (errno != Errno.EINTR) {
                    throw new LinuxException("pwrite(offset " + (offset + written) + ", " + length + " B)", errno);
                }
            } else {
                written += n;
            }
        }
    }

    /** Has the file system keep memory for all of a file, which is as long: no later store to it can fail. */
    public static void reserve(Fd fd, long length) throws LinuxException {
        while (fallocate(fd.number(), 0, 0, length) != 0) {
            int errno = Errno.last();
            if (errno != Errno.EINTR) {
                throw new LinuxException("fallocate(" + length + " B)", errno);
            }
        }
    }

    /** Frees the pages of a range; later reads see a hole. Offset and length in bytes. */
    public static void punchHole(Fd fd, long offset, long length) throws LinuxException {
        while (fallocate(fd.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) != 0) {
            int errno = Errno.last();
            if (errno != Errno.EINTR) {
                throw new LinuxException("fallocate(PUNCH_HOLE, offset " + offset + ", " + length + " B)", errno);
            }
        }
    }

    public static boolean processExists(int pid) {
        return kill(pid, SIGNAL_NONE) == 0 || Errno.last() == Errno.EPERM;
    }

    /** A descriptor that {@link #signal} makes readable: wakes a thread out of poll. */
    public static Fd newEventFd() throws LinuxException {
        int fd = eventfd(0, O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) {
            throw new LinuxException("eventfd", Errno.last());
        }
        return new Fd(fd);
    }

    /** @param eight a block holding the 64-bit value 1 */
    public static void signal(Fd eventFd, NativeBlock eight) {
        write(eventFd.number(), eight.address(), 8); // EAGAIN means that it is readable already
    }
}
