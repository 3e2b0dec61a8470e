package org.splitmem.memory.vm;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.MappedFile;
import org.splitmem.memory.guest.RamFile;
import org.splitmem.memory.linux.Errno;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.linux.Processes;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.record.RecordFile;

/**
 * One VM's directory: its record, its RAM and its page table; opened and mapped when they are first needed. Any thread.
 *
 * <p>Once it has deleted the directory it does not touch it any more, although a thread may still use this object: the VM may have begun anew there.
 */
final class VmFiles {
    private static final Logger log = LoggerFactory.getLogger(VmFiles.class);
    /** For a connection to a monitor, which is there at once if it can be made. */
    private static final int LOOK_MS = 1;

    private static final String TABLE = "table";
    private static final String SEAL = "seal";

    private final Path directory;

    // Guarded by this.
    private @Nullable GuestMemory memory;
    private @Nullable TableFile table;
    private @Nullable MappedFile sealFile;
    private final List<AutoCloseable> doomed = new ArrayList<>();
    private int users;
    private boolean deleted;
    private boolean gone;

    /** @param directory made if it is not there */
    VmFiles(Path directory) throws IOException {
        this.directory = directory;
        Files.createDirectories(directory);
    }

    /**
     * Proves that what an earlier daemon has left is what it wrote, as far as it is still needed.
     *
     * @throws IOException naming what is missing or wrong
     */
    synchronized void check(VmRecord record) throws IOException {
        boolean paged = record.hasTable();
        boolean usesRam = record.pid() != 0;
        if (paged && record.ramBytes() > 0) {
            TableFile found = TableFile.open(directory.resolve(TABLE), record);
            table = found;
            usesRam &= found.table().resident() > 0; // one that is just starting has no file yet
            if (record.isSealed()) {
                seal(record);
            }
        }
        if (usesRam) {
            for (int i = 0; i < record.backendBytes().size(); i++) {
                RamFile.openExisting(ram(i), record.backendBytes().get(i)).close();
            }
        }
    }

    /** @throws IOException if it is deleted */
    synchronized void requireThere() throws IOException {
        if (deleted) {
            throw new IOException(directory + " is deleted: it was of a VM that is on this host no more");
        }
    }

    synchronized void save(VmRecord record) throws IOException {
        requireThere();
        record.save(directory);
    }

    /** A descriptor of a RAM file, for QEMU; the caller's. */
    synchronized Fd openRam(int backend) throws IOException {
        requireThere();
        return RamFile.openFd(ram(backend));
    }

    /** Proves that a process has mapped a RAM file, whole. @throws IOException if it has not */
    synchronized void requireMapped(int pid, int backend, long hva, long bytes) throws IOException {
        requireThere();
        if (!Files.exists(ram(backend)) || Files.size(ram(backend)) != bytes) {
            throw new IOException("process " + pid + " announces " + bytes + " B of RAM backend " + backend
                    + ", which is not what its file has");
        }
        Processes.requireShared(pid, hva, bytes, ram(backend));
    }

    private Path ram(int backend) {
        return directory.resolve("ram" + backend);
    }

    static boolean isRam(Path file) {
        return file.getFileName().toString().matches("ram[0-9]+");
    }

    /** The RAM. @throws IOException if its size is not known yet */
    synchronized GuestMemory memory(VmRecord record) throws IOException {
        GuestMemory known = memory;
        if (known != null) {
            return known;
        }
        requireThere();
        if (record.backendBytes().isEmpty()) {
            throw new IOException("QEMU of VM " + record.name() + " has not mapped its RAM yet");
        }
        List<RamFile> files = new ArrayList<>();
        GuestMemory opened = null;
        try {
            for (int i = 0; i < record.backendBytes().size(); i++) {
                files.add(RamFile.openOrMake(ram(i), record.backendBytes().get(i)));
            }
            opened = new GuestMemory(files);
            memory = opened;
            return opened;
        } finally {
            if (opened == null) {
                files.forEach(RamFile::close);
            }
        }
    }

    synchronized boolean hasTable() {
        return table != null;
    }

    /** The page table. @throws IOException if there is none */
    synchronized PageTable table(VmRecord record) throws IOException {
        TableFile known = table;
        if (known == null) {
            throw new IOException("VM " + record.name() + " is not paged now");
        }
        return known.table();
    }

    /** Makes a new page table, instead of one that may be there: no page is anywhere. For an incoming VM also its seal. */
    synchronized void makeTable(VmRecord record) throws IOException {
        requireThere();
        discardTable();
        table = TableFile.make(directory.resolve(TABLE), record);
        if (record.isSealed()) {
            MappedFile file = MappedFile.open(directory.resolve(SEAL), sealBytes(record));
            ChunkSeal.allSealed(Pages.fromBytes(record.ramBytes()), view(file));
            file.close();
        }
    }

    private static long sealBytes(VmRecord record) {
        return Pages.roundUp(ChunkSeal.chunksOf(Pages.fromBytes(record.ramBytes())) + 1);
    }

    private static ByteBuffer view(MappedFile file) {
        return Mman.view(file.address(), Math.toIntExact(file.bytes()));
    }

    /** Which chunks of an incoming VM are open. @throws IOException if that is not known */
    synchronized ChunkSeal seal(VmRecord record) throws IOException {
        Path path = directory.resolve(SEAL);
        MappedFile file = sealFile;
        if (file == null) {
            requireThere();
            file = MappedFile.openExisting(path, sealBytes(record));
            sealFile = file;
        }
        try {
            return new ChunkSeal(Pages.fromBytes(record.ramBytes()), view(file));
        } catch (IllegalArgumentException e) {
            throw new IOException(path + " is damaged: " + e.getMessage(), e);
        }
    }

    /** A connection begins to use the mappings: until it leaves they stay, since an access after that would kill the JVM. */
    synchronized void enter() {
        users++;
    }

    synchronized void leave() throws IOException {
        users--;
        closeDoomed();
    }

    private void closeDoomed() throws IOException {
        if (users > 0) {
            return;
        }
        for (AutoCloseable mapping : doomed) {
            try {
                mapping.close();
            } catch (Exception e) { // as AutoCloseable declares; closing a mapping throws nothing
                throw new IOException("a mapping in " + directory + " could not be closed", e);
            }
        }
        doomed.clear();
    }

    private void doom(@Nullable AutoCloseable mapping) {
        if (mapping != null) {
            doomed.add(mapping);
        }
    }

    /** Forgets the table; it is unmapped once nobody uses it any more. */
    synchronized void discardTable() throws IOException {
        doom(table);
        doom(sealFile);
        table = null;
        sealFile = null;
        if (!deleted) {
            Files.deleteIfExists(directory.resolve(TABLE));
            Files.deleteIfExists(directory.resolve(SEAL));
        }
        closeDoomed();
    }

    /** Frees everything; the last user of a mapping unmaps it. After an error it can be called again. */
    void delete() throws IOException {
        delete(RecordFile::deleteDirectory);
    }

    /** The same of one that has no record yet. */
    void discard() throws IOException {
        delete(RecordFile::deleteUnused);
    }

    private interface Deletion {
        void of(Path directory) throws IOException;
    }

    private synchronized void delete(Deletion deletion) throws IOException {
        deleted = true;
        if (!gone) {
            deletion.of(directory); // first: a record must not outlive what it tells of
            gone = true;
        }
        GuestMemory opened = memory;
        if (opened != null) {
            opened.punch(0, opened.pages()); // free now, even if a QEMU that is just exiting still maps it
            doom(opened);
            memory = null;
        }
        discardTable();
    }

    /**
     * A QEMU that was killed leaves its monitor's socket: it is deleted if the kernel says that no process listens there. Waits for none that
     * does, but does not accept.
     */
    static void deleteUnusedSocket(Path socket) throws IOException {
        try (StreamSocket listener = StreamSocket.connectUnix(socket.toString(), LOOK_MS)) {
            log.debug("{} is in use again: {}", socket, listener.peer());
        } catch (LinuxException e) {
            if (e.errno() == Errno.ECONNREFUSED) {
                Files.deleteIfExists(socket);
            }
        } catch (SocketTimeoutException e) {
            log.debug("{} is in use: {}", socket, e.getMessage());
        }
    }
}
