package org.splitmem.memory.server;

import java.nio.ByteBuffer;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.page.Pages;

/** The checksum of each page that a store holds, as its owner made it: 4 bytes a page, in a mapped file, read through views of 1 GiB. */
final class Checksums {
    private static final int PAGES_PER_VIEW_SHIFT = 28;
    private static final long PAGES_PER_VIEW = 1L << PAGES_PER_VIEW_SHIFT;

    private final ByteBuffer[] views;

    Checksums(long address, long pages) {
        views = new ByteBuffer[(int) ((pages + PAGES_PER_VIEW - 1) >>> PAGES_PER_VIEW_SHIFT)];
        for (int i = 0; i < views.length; i++) {
            long start = i * PAGES_PER_VIEW;
            int bytes = (int) (Math.min(PAGES_PER_VIEW, pages - start) * Integer.BYTES);
            views[i] = Mman.view(address + start * Integer.BYTES, bytes);
        }
    }

    static long bytesFor(long pages) {
        return Pages.roundUp(pages * Integer.BYTES);
    }

    int get(long page) {
        return views[(int) (page >>> PAGES_PER_VIEW_SHIFT)].getInt(index(page));
    }

    void put(long page, int crc32c) {
        views[(int) (page >>> PAGES_PER_VIEW_SHIFT)].putInt(index(page), crc32c);
    }

    private static int index(long page) {
        return (int) (page & (PAGES_PER_VIEW - 1)) * Integer.BYTES;
    }
}
