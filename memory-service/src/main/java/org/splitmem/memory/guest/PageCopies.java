package org.splitmem.memory.guest;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Windows;
import org.splitmem.memory.page.PageChecksum;
import org.splitmem.memory.page.Pages;

/**
 * Room for copies of some pages, in memory that no QEMU can change or take away: what is found out about a page holds for what is done with
 * its copy. Confined to one thread; allocates nothing per page.
 */
public final class PageCopies {
    private final GuestMemory memory;
    private final NativeBlock block;
    private final ByteBuffer bytes;
    private final Windows windows;

    /** @param room pages; few enough for the processor's cache */
    public PageCopies(GuestMemory memory, int room) {
        this.memory = memory;
        this.block = new NativeBlock(room * Pages.SIZE);
        this.bytes = block.buffer();
        this.windows = new Windows(block.address(), block.size());
    }

    /**
     * Copies pages into the places from {@code at} on. One that is a hole reads as zeros, and stays one.
     *
     * @throws CutShortException if QEMU has cut the file short
     */
    public void read(int at, long page, int count) throws IOException {
        memory.read(address(at), page, count);
    }

    /** Whether the first word of a page of the file is zero, which is quick to find out. Uses the first place. */
    public boolean beginsWithZero(long page) throws IOException {
        memory.readStart(address(0), page, Long.BYTES);
        return bytes.getLong(0) == 0;
    }

    public boolean isZero(int at) {
        int start = at * Pages.SIZE;
        for (int i = start; i < start + Pages.SIZE; i += Long.BYTES) {
            if (bytes.getLong(i) != 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * See {@link PageChecksum}.
     *
     * @param page the number of the page whose copy it is
     */
    public int checksum(int at, long page) {
        return PageChecksum.of(windows.crc32c((long) at * Pages.SIZE, Pages.SIZE), page);
    }

    /** Of the bytes of the copy; good as long as this object. */
    public long address(int at) {
        return block.address() + Pages.toBytes(at);
    }
}
