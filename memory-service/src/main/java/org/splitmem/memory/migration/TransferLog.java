package org.splitmem.memory.migration;

import java.util.ArrayList;
import java.util.List;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.page.PageSet;
import org.splitmem.memory.workingset.PageReturner;

/**
 * What a migration's source knows of each page while the migration runs: where it is to go, whether it is still to be sent, and whether the
 * destination is still to learn where it is. Three bits a page, outside of the page table, so that a page can have a place and a plan; gone
 * with the migration.
 *
 * <p>Any thread may use the sets until this is closed; after that an access would kill the daemon. Whoever closes it has ended all others.
 */
final class TransferLog implements AutoCloseable, PageReturner.Transfers {
    private record Mapping(long address, long bytes) {}

    private final List<Mapping> mappings = new ArrayList<>();
    private final PagePlan plan;
    private final PageSet dirty;
    private final PageSet unannounced;
    private final Object scanning = new Object();

    /**
     * All pages go to the main host, none is to be sent yet.
     *
     * @param pages of the VM
     */
    TransferLog(long pages) throws LinuxException {
        boolean made = false;
        try {
            this.plan = new PagePlan(map(pages));
            this.dirty = map(pages);
            this.unannounced = map(pages);
            made = true;
        } finally {
            if (!made) {
                close();
            }
        }
    }

    private PageSet map(long pages) throws LinuxException {
        long bytes = PageSet.bytesFor(pages);
        long address = Mman.mapZeros(bytes);
        mappings.add(new Mapping(address, bytes));
        return new PageSet(Mman.view(address, (int) bytes), pages);
    }

    PagePlan plan() {
        return plan;
    }

    /** Held by who finds out, while the guest runs, which pages were written, until that is noted. */
    @Override
    public Object scanning() {
        return scanning;
    }

    /** A page that is sent is in {@link #unannounced} before it leaves {@link #dirty}, and in that again, if need be, before it leaves the other. */
    @Override
    public boolean isSent(long page) {
        return !dirty.contains(page) && !unannounced.contains(page) && !dirty.contains(page);
    }

    @Override
    public void written(long page) {
        dirty.add(page);
    }

    @Override
    public void returned(long page) {
        unannounced.add(page);
    }

    /** Still to be sent to where they are planned. */
    PageSet dirty() {
        return dirty;
    }

    /** The destination does not know yet where they are. */
    PageSet unannounced() {
        return unannounced;
    }

    @Override
    public void close() {
        mappings.forEach(mapping -> Mman.unmap(mapping.address(), mapping.bytes()));
        mappings.clear();
    }
}
