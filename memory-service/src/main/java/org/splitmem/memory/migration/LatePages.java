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
    private final PagePlan plan;
    private long forMain;
    private final long[] forSubHosts;
    private int next;

    private LatePages(PagePlan plan, long forMain, long[] forSubHosts) {
        this.plan = plan;
        this.forMain = forMain;
        this.forSubHosts = forSubHosts;
    }

    /** There are no sub-hosts. */
    static LatePages allToMain(PagePlan plan) {
        return new LatePages(plan, Long.MAX_VALUE, new long[0]);
    }

    /**
     * @param budget pages that may be at the main host
     * @param subHostPages most pages for each sub-host
     * @param plan of the table's local pages
     */
    static LatePages after(long budget, long[] subHostPages, PageTable table, PagePlan plan) {
        long main = budget;
        long[] left = subHostPages.clone();
        for (long page = 0; page < table.pages(); page++) {
            if (PageEntry.state(table.get(page)) != PageState.LOCAL) {
                continue;
            }
            int target = plan.target(page);
            if (target == PagePlan.MAIN) {
                main--;
            } else {
                left[target]--;
            }
        }
        return new LatePages(plan, Math.max(0, main) / 2, left);
    }

    /** Plans a page that has just become local; the main host's if its sub-host has no room: it has to be somewhere. */
    void place(long page) {
        if (forMain > 0) {
            forMain--;
            return;
        }
        int host = plan.settledHost(page);
        if (host == PagePlan.MAIN && Arrays.stream(forSubHosts).anyMatch(left -> left > 0)) {
            while (forSubHosts[next] <= 0) {
                next = (next + 1) % forSubHosts.length;
            }
            host = next;
        }
        if (host != PagePlan.MAIN && forSubHosts[host] > 0) {
            forSubHosts[host]--;
            plan.planLate(page, host);
        }
    }
}
