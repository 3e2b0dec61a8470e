package org.splitmem.memory.linux;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** sys/mman.h: shared mappings of the daemon's own files. */
public final class Mman {
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;
    private static final int MAP_PRIVATE = 2;
    private static final int MAP_ANONYMOUS = 0x20;
    private static final int MAP_NORESERVE = 0x4000;

    static {
        Native.register(Mman.class, "c");
    }

    private Mman() {}

    private static native long mmap(long address, long length, int protection, int flags, int fd, long offset);

    private static native int munmap(long address, long length);

    /** Maps the first {@code length} bytes of a file, shared, for reading and writing. */
    public static long mapShared(Fd fd, long length) throws LinuxException {
        long address = mmap(0, length, PROT_READ_WRITE, MAP_SHARED, fd.number(), 0);
        if (address == -1) {
            throw new LinuxException("mmap(" + length + " B)", Errno.last());
        }
        return address;
    }

    /** Maps zeros that are this process's alone; they take up memory once they are written. */
    public static long mapZeros(long length) throws LinuxException {
        long address = mmap(0, length, PROT_READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (address == -1) {
            throw new LinuxException("mmap(" + length + " B of zeros)", Errno.last());
        }
        return address;
    }

    /** The caller vouches that nobody uses the range any more: an access after this would kill the JVM. */
    public static void unmap(long address, long length) {
        munmap(address, length);
    }

    /** A little-endian view of mapped memory; the caller keeps the mapping alive as long as the view is used. */
    public static ByteBuffer view(long address, int length) {
        return new Pointer(address).getByteBuffer(0, length).order(ByteOrder.LITTLE_ENDIAN);
    }
}
