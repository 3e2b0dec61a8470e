package org.splitmem.memory.stream;

import java.nio.ByteBuffer;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.PageViews;
import org.splitmem.memory.page.Pages;

/** Recognizes pages that are all zero, which need not be sent. Confined to one thread. */
public final class ZeroPages {
    private final PageViews views;
    private final ByteBuffer zeros = ByteBuffer.allocateDirect(Pages.SIZE);

    public ZeroPages(GuestMemory memory) {
        this.views = new PageViews(memory);
    }

    /** Only for a page that is in the file: reading a hole would fill it. */
    public boolean isZero(long page) {
        ByteBuffer bytes = views.at(page);
        return bytes.getLong(bytes.position()) == 0 && zeros.clear().mismatch(bytes) < 0;
    }
}
