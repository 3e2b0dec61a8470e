package org.splitmem.memory.guest;

import java.io.IOException;
import java.nio.file.Path;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.linux.Unistd;

/**
 * A file in the memory directory (a tmpfs), mapped into the daemon: a page table, or what a memory server keeps. Its pages outlive the daemon.
 *
 * <p>Trap: an access beyond the end of the file, or one that needs a page of a hole when the tmpfs is full, ends the JVM by SIGBUS. So only
 * the daemon has a descriptor of such a file (guest RAM is a {@link RamFile}), and one that is loaded from or stored to through the
 * mapping is {@link #open reserved}.
 */
public final class MappedFile implements AutoCloseable {
    private final RamFile file;
    private final long address;

    private MappedFile(RamFile file) throws LinuxException {
        this.file = file;
        this.address = Mman.mapShared(file.fd(), file.bytes());
    }

    /** Opens or makes the file, sets its size, and reserves the memory for all of it. @throws LinuxException ENOSPC if there is not enough */
    public static MappedFile open(Path path, long bytes) throws LinuxException {
        return map(RamFile.open(path, bytes), true);
    }

    /** The same for one with holes, of which only pages that were written with system calls may be read through the mapping. */
    public static MappedFile openSparse(Path path, long bytes) throws LinuxException {
        return map(RamFile.open(path, bytes), false);
    }

    /**
     * Opens a file that is there.
     *
     * @throws IOException naming it if it is not, or has another size
     */
    public static MappedFile openExisting(Path path, long bytes) throws IOException {
        return map(RamFile.openExisting(path, bytes), true);
    }

    /** The same for one with holes. */
    public static MappedFile openExistingSparse(Path path, long bytes) throws IOException {
        return map(RamFile.openExisting(path, bytes), false);
    }

    private static MappedFile map(RamFile file, boolean reserved) throws LinuxException {
        try {
            if (reserved) {
                Unistd.reserve(file.fd(), file.bytes());
            }
            return new MappedFile(file);
        } catch (LinuxException e) {
            file.close();
            throw e;
        }
    }

    public Fd fd() {
        return file.fd();
    }

    public long address() {
        return address;
    }

    public long bytes() {
        return file.bytes();
    }

    /** Only once no thread uses the mapping any more. The file stays. */
    @Override
    public void close() {
        if (file.fd().isOpen()) {
            Mman.unmap(address, file.bytes());
            file.close();
        }
    }
}
