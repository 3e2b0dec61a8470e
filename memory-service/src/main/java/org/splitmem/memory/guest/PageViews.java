package org.splitmem.memory.guest;

import java.nio.ByteBuffer;
import org.splitmem.memory.linux.Windows;
import org.splitmem.memory.page.PageChecksum;
import org.splitmem.memory.page.Pages;

/**
 * Reads pages through the daemon's mapping. Only those that are in the file: reading a hole would fill it. Confined to one thread,
 * since the views are reused; nothing is allocated after the first look at each GiB.
 */
public final class PageViews {
    private final GuestMemory memory;
    private final Windows[] windows;

    /** The memory must outlive this object. */
    public PageViews(GuestMemory memory) {
        this.memory = memory;
        this.windows = new Windows[memory.backends()];
        for (int i = 0; i < windows.length; i++) {
            windows[i] = new Windows(memory.file(i).address(), memory.file(i).bytes());
        }
    }

    /** The page's bytes, until the next call. */
    public ByteBuffer at(long page) {
        return windows[memory.backendOf(page)].at(memory.offset(page), Pages.SIZE);
    }

    /** See {@link PageChecksum}. */
    public int checksum(long page) {
        return PageChecksum.of(windows[memory.backendOf(page)].crc32c(memory.offset(page), Pages.SIZE), page);
    }
}
