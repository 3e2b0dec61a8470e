package org.splitmem.memory.server;

import java.nio.ByteBuffer;
import org.splitmem.memory.guest.MappedFile;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.page.Pages;

/**
 * The checksum of each page that a store holds, as its owner made it: 4 bytes a page, in a file with holes. Written by
 * system calls, as a store to a hole through the mapping ends the JVM if there is no memory left; read through views of 1 GiB of the mapping. */
final class Checksums {
    private static final int PAGES_PER_VIEW_SHIFT = 28;
    private static final long PAGES_PER_VIEW = 1L << PAGES_PER_VIEW_SHIFT;

    private final MappedFile file;
    private final ByteBuffer[] views;

    Checksums(MappedFile file, long pages) {
        this.file = file;
        views = new ByteBuffer[(int) ((pages + PAGES_PER_VIEW - 1) >>> PAGES_PER_VIEW_SHIFT)];
        for (int i = 0; i < views.length; i++) {
            long start = i * PAGES_PER_VIEW;
            int bytes = (int) (Math.min(PAGES_PER_VIEW, pages - start) * Integer.BYTES);
            views[i] = Mman.view(file.address() + start * Integer.BYTES, bytes);
        }
    }

    static long bytesFor(long pages) {
        return Pages.roundUp(pages * Integer.BYTES);
    }

    /** Of a page that is held. */
    int get(long page) {
        return views[(int) (page >>> PAGES_PER_VIEW_SHIFT)].getInt(index(page));
    }

    /** @param address of the checksums of all pages of the run */
    void put(long page, long count, long address) throws LinuxException {
        Unistd.writeAt(file.fd(), address, count * Integer.BYTES, page * Integer.BYTES);
    }

    private static int index(long page) {
        return (int) (page & (PAGES_PER_VIEW - 1)) * Integer.BYTES;
    }
}
