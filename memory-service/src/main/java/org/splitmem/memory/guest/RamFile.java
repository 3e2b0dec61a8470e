package org.splitmem.memory.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Unistd;

/**
 * A file of guest RAM in the memory directory (a tmpfs). Its pages outlive the daemon and QEMU, and take up memory only where they were
 * written.
 *
 * <p>The daemon does not map it: QEMU has a descriptor of it, too, and can cut it short at any moment. A load from a mapping would end the
 * JVM of all VMs by SIGBUS then, also in the middle of a copy; a system call just reads less.
 */
public final class RamFile implements AutoCloseable {
    private final Fd fd;
    private final long bytes;

    private RamFile(Fd fd, long bytes) {
        this.fd = fd;
        this.bytes = bytes;
    }

    /** Opens the file as it is, which may be too short, or makes it: lengthened again, it would read as zeros. */
    public static RamFile openOrMake(Path path, long bytes) throws LinuxException {
        return Files.exists(path) ? new RamFile(openFd(path), bytes) : open(path, bytes);
    }

    /** Opens or makes the file, and sets its size. */
    public static RamFile open(Path path, long bytes) throws LinuxException {
        Fd fd = openFd(path);
        try {
            Unistd.truncate(fd, bytes);
            return new RamFile(fd, bytes);
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
        return new RamFile(openFd(path), bytes);
    }

    /** Opens or makes the file without touching its size: QEMU sets that of a new VM's RAM. */
    public static Fd openFd(Path path) throws LinuxException {
        return Unistd.open(path.toString(), Unistd.O_RDWR | Unistd.O_CREAT);
    }

    public Fd fd() {
        return fd;
    }

    /** What it should have. */
    public long bytes() {
        return bytes;
    }

    /** Only once no thread uses it any more. The file stays. */
    @Override
    public void close() {
        fd.close();
    }
}
