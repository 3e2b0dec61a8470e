package org.splitmem.memory.migration;

import java.util.Arrays;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;

/**
 * Where pages go that are written for the first time after the plan was made: to the main host, since they are hot, until half
 * of what its budget still had room for is used; then to a sub-host that has room. The other half is for what is dirty at the
 * last scan, all of which has to go to the main host. For one thread.
 */
final class LatePages {
    private long forMain;
    private final long[] forSubHosts;
    private int next;

    private LatePages(long forMain, long[] forSubHosts) {
        this.forMain = forMain;
        this.forSubHosts = forSubHosts;
    }

    /** There are no sub-hosts. */
    static LatePages allToMain() {
        return new LatePages(Long.MAX_VALUE, new long[0]);
    }

    /**
     * @param budget pages that may be at the main host
     * @param subHostPages most pages for each sub-host
     * @param table with its local pages planned
     */
    static LatePages after(long budget, long[] subHostPages, PageTable table) {
        long main = budget;
        long[] left = subHostPages.clone();
        for (long page = 0; page < table.pages(); page++) {
            int entry = table.get(page);
            if (PageEntry.state(entry) != PageState.LOCAL) {
                continue;
            }
            if (PageEntry.has(entry, PageEntry.TO_SUB_HOST)) {
                left[PageEntry.host(entry)]--;
            } else {
                main--;
            }
        }
        return new LatePages(Math.max(0, main) / 2, left);
    }

    /** Plans a page that has just become local; the main host's if nobody has room for it: it has to be somewhere. */
    void place(PageTable table, long page) {
        if (forMain > 0) {
            forMain--;
        } else if (Arrays.stream(forSubHosts).anyMatch(left -> left > 0)) {
            while (forSubHosts[next] <= 0) {
                next = (next + 1) % forSubHosts.length;
            }
            forSubHosts[next]--;
            MigrationPlan.plan(table, page, next);
        }
    }
}
