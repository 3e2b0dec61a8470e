package org.splitmem.memory.migration;

import static org.splitmem.memory.page.PageState.LOCAL;

import java.util.Arrays;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;

/**
 * Which page goes where: the hottest to the main host until its share is full, the rest to the sub-hosts, each in as long a
 * run as can be. Pure: reads scores from the table, writes a plan. For one thread.
 */
final class MigrationPlan {
    private final long mainPages;
    private final long[] subHostPages;

    /**
     * @param mainPages most pages for the main host
     * @param subHostPages most pages for each sub-host
     */
    MigrationPlan(long mainPages, long[] subHostPages) {
        this.mainPages = mainPages;
        this.subHostPages = subHostPages.clone();
    }

    /**
     * Plans every local page as the task wants it.
     *
     * @param plan empty
     * @param touched pages that were touched while the guest was watched: about as many others may be written between the last
     *     round and the stop, and all of those go to the main host on top of the plan
     * @return where pages go that become local later
     */
    static LatePages make(MigrationTask task, PageTable table, PagePlan plan, long touched) {
        long budget = Pages.fromBytes(task.budgetBytes());
        long room = Arrays.stream(task.subHostPages()).sum();
        long mainPages = mainPages(task.budgetBytes(), table.count(LOCAL) - room, touched);
        new MigrationPlan(mainPages, task.subHostPages()).assign(table, plan);
        return LatePages.after(budget, task.subHostPages(), table, plan);
    }

    /**
     * How many pages to plan for the main host. Room is left for what is written later, as far as the sub-hosts allow.
     *
     * @param least pages that the sub-hosts have no room for
     */
    static long mainPages(long budgetBytes, long least, long touched) {
        long budget = Pages.fromBytes(budgetBytes);
        long headroom =
                Math.max(Pages.fromBytes(MigrationTask.headroomBytes(budgetBytes)), Math.min(touched, budget / 2));
        return Math.min(budget, Math.max(budget - headroom, least));
    }

    /**
     * Plans every local page.
     *
     * @throws IllegalArgumentException if they do not fit: nothing is planned then
     */
    void assign(PageTable table, PagePlan plan) {
        long[] byScore = countByScore(table);
        long local = Arrays.stream(byScore).sum();
        long forSubHosts = Math.max(0, local - mainPages);
        long room = Arrays.stream(subHostPages).sum();
        if (forSubHosts > room) {
            throw new IllegalArgumentException("the plan does not fit: " + local
                    + " pages are in use, the main host takes " + mainPages + " and the sub-hosts " + room);
        }
        long[] shares = shares(forSubHosts, room);
        int threshold = threshold(byScore);
        long atThreshold = mainPages - above(byScore, threshold);
        int host = 0;
        for (long page = 0; page < table.pages(); page++) {
            int entry = table.get(page);
            if (PageEntry.state(entry) != LOCAL) {
                continue;
            }
            int score = PageEntry.age(entry);
            boolean toMain = score > threshold || (score == threshold && atThreshold-- > 0);
            if (toMain || forSubHosts == 0) {
                continue;
            }
            while (shares[host] == 0) {
                host++;
            }
            shares[host]--;
            forSubHosts--;
            plan.planNext(page, host);
        }
    }

    private static long[] countByScore(PageTable table) {
        long[] byScore = new long[PageEntry.MAX_AGE + 1];
        for (long page = 0; page < table.pages(); page++) {
            int entry = table.get(page);
            if (PageEntry.state(entry) == PageState.LOCAL) {
                byScore[PageEntry.age(entry)]++;
            }
        }
        return byScore;
    }

    /** Each sub-host's part, in proportion to its room. */
    private long[] shares(long pages, long room) {
        long[] shares = new long[subHostPages.length];
        long left = pages;
        for (int i = 0; i < shares.length; i++) {
            shares[i] = room == 0 ? 0 : Math.min(left, (long) Math.ceil((double) pages * subHostPages[i] / room));
            shares[i] = Math.min(shares[i], subHostPages[i]);
            left -= shares[i];
        }
        for (int i = 0; i < shares.length && left > 0; i++) { // what rounding left over
            long more = Math.min(left, subHostPages[i] - shares[i]);
            shares[i] += more;
            left -= more;
        }
        return shares;
    }

    /** The score of which some pages still fit the main host, but not all. */
    private int threshold(long[] byScore) {
        int score = PageEntry.MAX_AGE;
        long taken = 0;
        while (score > 0 && taken + byScore[score] <= mainPages) {
            taken += byScore[score];
            score--;
        }
        return score;
    }

    private static long above(long[] byScore, int threshold) {
        long pages = 0;
        for (int score = threshold + 1; score < byScore.length; score++) {
            pages += byScore[score];
        }
        return pages;
    }
}
