package org.splitmem.memory.stream;

import java.io.IOException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.PageCopies;

/** Recognizes pages that are all zero, which need not be sent. Confined to one thread. */
public final class ZeroPages {
    private final PageCopies copy;

    public ZeroPages(GuestMemory memory) {
        this.copy = new PageCopies(memory, 1);
    }

    public boolean isZero(long page) throws IOException {
        if (!copy.beginsWithZero(page)) {
            return false;
        }
        copy.read(0, page, 1);
        return copy.isZero(0);
    }
}
