package org.splitmem.memory.workingset;

import java.io.IOException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.shim.ShimSession;
import org.splitmem.memory.wire.RunList;

/**
 * Drops the entries of local pages from QEMU's page table, so that the next touch of each is seen.
 *
 * <p>A page is marked SAMPLED before it is zapped: a touch in between goes unseen, which only makes it look colder than it
 * is. Confined to one thread.
 */
public final class Zapper {
    /** Pages of one range: 1 GiB. */
    private static final long LONGEST_RUN = 262_144;

    private final GuestMemory memory;
    private final PageTable table;

    public Zapper(GuestMemory memory, PageTable table) {
        this.memory = memory;
        this.table = table;
    }

    /** Chooses pages. */
    public interface Choice {
        /** @param entry of a LOCAL page that is not SAMPLED */
        boolean zap(long page, int entry);
    }

    /**
     * Marks and zaps the chosen pages among [from, end), which must lie in one backend.
     *
     * @return pages zapped
     */
    public long zap(ShimSession shim, long from, long end, Choice choice) throws IOException {
        int backend = memory.backendOf(from);
        Sweep sweep = new Sweep(memory.firstPage(backend), from, end, choice);
        shim.zap(backend, sweep);
        return sweep.zapped;
    }

    /** Zaps the pages of a list, as they are. */
    void zap(ShimSession shim, RunList pages) throws IOException {
        for (int backend = 0; backend < memory.backends(); backend++) {
            int which = backend;
            int[] next = {0};
            shim.zap(backend, consumer -> {
                for (; next[0] < pages.runs(); next[0]++) {
                    if (!addPart(which, pages, next[0], consumer)) {
                        return true;
                    }
                }
                return false;
            });
        }
    }

    /** Adds the part of a run that lies in a backend. @return false if it did not fit the request */
    private boolean addPart(int backend, RunList pages, int run, ShimSession.RangeConsumer consumer) {
        long first = Math.max(pages.first(run), memory.firstPage(backend));
        long end = Math.min(pages.first(run) + pages.count(run), memory.endPage(backend));
        return first >= end
                || consumer.add(Pages.toBytes(first - memory.firstPage(backend)), Pages.toBytes(end - first));
    }

    private final class Sweep implements ShimSession.Ranges {
        private final long base;
        private final long end;
        private final Choice choice;
        private long next;
        private long pendingStart = -1; // a marked run that did not fit the last request
        private long zapped;

        Sweep(long base, long from, long end, Choice choice) {
            this.base = base;
            this.next = from;
            this.end = end;
            this.choice = choice;
        }

        @Override
        public boolean fill(ShimSession.RangeConsumer consumer) {
            while (next < end || pendingStart >= 0) {
                long start = pendingStart >= 0 ? pendingStart : next;
                if (pendingStart < 0) {
                    while (next < end && next - start < LONGEST_RUN && mark(next)) {
                        next++;
                    }
                }
                if (next > start) {
                    if (!consumer.add(Pages.toBytes(start - base), Pages.toBytes(next - start))) {
                        pendingStart = start;
                        return true;
                    }
                    zapped += next - start;
                }
                boolean cut = next - start == LONGEST_RUN;
                pendingStart = -1;
                if (!cut) {
                    next++; // the page that ended the run was not chosen
                }
            }
            return false;
        }

        private boolean mark(long page) {
            int entry = table.get(page);
            return PageEntry.state(entry) == PageState.LOCAL
                    && !PageEntry.has(entry, PageEntry.SAMPLED)
                    && choice.zap(page, entry)
                    && table.step(page, entry, entry | PageEntry.SAMPLED);
        }
    }
}
