package org.splitmem.memory.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.linux.Unistd;

/**
 * A file in the memory directory (a tmpfs), mapped into the daemon: guest RAM, a page table, or a memory server's store.
 * Its pages outlive the daemon and QEMU, and take up memory only where they were written.
 *
 * <p>Trap: a load through the mapping of a hole allocates a zero page there. Ask the page table first.
 */
public final class RamFile implements AutoCloseable {
    private final Fd fd;
    private final long address;
    private final long bytes;

    private RamFile(Fd fd, long address, long bytes) {
        this.fd = fd;
        this.address = address;
        this.bytes = bytes;
    }

    /** Opens or makes the file, and sets its size. */
    public static RamFile open(Path path, long bytes) throws LinuxException {
        Fd fd = openFd(path);
        try {
            Unistd.truncate(fd, bytes);
            return map(fd, bytes);
        } catch (LinuxException e) {
            fd.close();
            throw e;
        }
    }

    /**
     * Opens a file that is there.
     *
     * @throws IOException naming it if it is not, or has another size
     */
    public static RamFile openExisting(Path path, long bytes) throws IOException {
        if (!Files.exists(path)) {
            throw new IOException(path + " is missing");
        }
        long found = Files.size(path);
        if (found != bytes) {
            throw new IOException(path + " has " + found + " B instead of " + bytes);
        }
        return open(path, bytes);
    }

    /** Opens or makes the file without touching its size: QEMU sets that of a new VM's RAM. */
    public static Fd openFd(Path path) throws LinuxException {
        return Unistd.open(path.toString(), Unistd.O_RDWR | Unistd.O_CREAT);
    }

    /** Maps a file of known size; takes the descriptor over. */
    public static RamFile map(Fd fd, long bytes) throws LinuxException {
        return new RamFile(fd, Mman.mapShared(fd, bytes), bytes);
    }

    public Fd fd() {
        return fd;
    }

    /** Of the daemon's own mapping, which no userfaultfd watches: it never blocks on a guest's fault. */
    public long address() {
        return address;
    }

    public long bytes() {
        return bytes;
    }

    /** Only once no thread uses the mapping any more. The file stays. */
    @Override
    public void close() {
        if (fd.isOpen()) {
            Mman.unmap(address, bytes);
            fd.close();
        }
    }
}
