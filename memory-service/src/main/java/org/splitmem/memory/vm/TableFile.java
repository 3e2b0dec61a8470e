package org.splitmem.memory.vm;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.zip.CRC32C;
import org.splitmem.memory.guest.MappedFile;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;

/**
 * A VM's page table in a file of its memory directory: the entries, and a page that says whose they are.
 *
 * <pre>
 *   offset  size  (little-endian, from the start of the last page)
 *        0     8  magic "SPLTABLE"
 *        8     8  version, 1
 *       16    16  uuid of the VM
 *       32     8  epoch of the owner that made it
 *       40     8  pages
 *       48     8  CRC32C of bytes 0-47
 * </pre>
 *
 * It is written last: a table that was being made when its daemon died has none. The entries change with every fault and have no
 * checksum; but none that was ever written is 0, so that what is missing, emptied or truncated shows.
 */
final class TableFile implements AutoCloseable {
    private static final long MAGIC = 0x454c_4241_544c_5053L;
    private static final long VERSION = 1;
    private static final int CRC = 48;

    private final MappedFile file;
    private final PageTable table;

    private TableFile(MappedFile file, PageTable table) {
        this.file = file;
        this.table = table;
    }

    /** Makes one; what was there is overwritten. */
    static TableFile make(Path path, VmRecord record) throws LinuxException {
        long pages = Pages.fromBytes(record.ramBytes());
        MappedFile file = MappedFile.open(path, bytesFor(pages));
        try {
            ByteBuffer header = header(file, pages);
            header.putLong(CRC, 0);
            PageTable table = PageTable.make(entries(file, pages), pages);
            fill(header, record, pages);
            return new TableFile(file, table);
        } catch (RuntimeException e) { // more pages than a table can have
            file.close();
            throw e;
        }
    }

    /**
     * Opens what an earlier daemon has left.
     *
     * @throws IOException naming what is wrong: the VM's pages cannot be located then
     */
    static TableFile open(Path path, VmRecord record) throws IOException {
        long pages = Pages.fromBytes(record.ramBytes());
        if (pages == 0) {
            throw new IOException(path + " is the table of VM " + record.uuid() + ", whose record has no page");
        }
        MappedFile file = MappedFile.openExisting(path, bytesFor(pages));
        try {
            ByteBuffer expected = ByteBuffer.allocate(CRC + Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            fill(expected, record, pages);
            ByteBuffer found = header(file, pages);
            for (int at = 0; at < expected.capacity(); at += Long.BYTES) {
                if (expected.getLong(at) != found.getLong(at)) {
                    throw new IOException(path + " is not the table of VM " + record.uuid() + ", owner epoch "
                            + record.epoch() + ", with " + pages + " pages: its header differs at byte " + at);
                }
            }
            PageTable table = new PageTable(entries(file, pages), pages);
            if (table.unwrittenEntries() > 0) {
                throw new IOException(path + " has " + table.unwrittenEntries() + " empty entries of " + pages);
            }
            for (int host = 0; host < PageEntry.MAX_HOMES; host++) {
                if (table.countRemote(host) > 0 && !record.keepsPages(host)) {
                    throw new IOException(path + " has " + table.countRemote(host) + " pages on memory server " + host
                            + ", which is none of the VM's");
                }
            }
            return new TableFile(file, table);
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    private static long bytesFor(long pages) {
        return PageTable.bytesFor(pages) + Pages.SIZE;
    }

    private static ByteBuffer entries(MappedFile file, long pages) {
        return Mman.view(file.address(), Math.toIntExact(PageTable.bytesFor(pages)));
    }

    private static ByteBuffer header(MappedFile file, long pages) {
        return Mman.view(file.address() + PageTable.bytesFor(pages), Pages.SIZE).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void fill(ByteBuffer header, VmRecord record, long pages) {
        header.putLong(0, MAGIC)
                .putLong(8, VERSION)
                .putLong(16, record.uuid().getMostSignificantBits())
                .putLong(24, record.uuid().getLeastSignificantBits())
                .putLong(32, record.epoch())
                .putLong(40, pages);
        CRC32C crc = new CRC32C();
        crc.update(header.duplicate().position(0).limit(CRC));
        header.putLong(CRC, crc.getValue());
    }

    PageTable table() {
        return table;
    }

    /** Only once no thread uses the table any more. The file stays. */
    @Override
    public void close() {
        file.close();
    }
}
