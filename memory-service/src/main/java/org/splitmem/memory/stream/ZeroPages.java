package org.splitmem.memory.stream;

import java.nio.ByteBuffer;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.Windows;
import org.splitmem.memory.page.Pages;

/** Recognizes pages that are all zero, which need not be sent. Confined to one thread. */
public final class ZeroPages {
    private final GuestMemory memory;
    private final Windows[] windows;
    private final ByteBuffer zeros = ByteBuffer.allocateDirect(Pages.SIZE);

    public ZeroPages(GuestMemory memory) {
        this.memory = memory;
        this.windows = new Windows[memory.backends()];
        for (int i = 0; i < windows.length; i++) {
            windows[i] = new Windows(memory.file(i).address(), memory.file(i).bytes());
        }
    }

    /** Only for a page that is in the file: reading a hole would fill it. */
    public boolean isZero(long page) {
        ByteBuffer bytes = windows[memory.backendOf(page)].at(memory.offset(page), Pages.SIZE);
        return bytes.getLong(bytes.position()) == 0 && zeros.clear().mismatch(bytes) < 0;
    }
}
