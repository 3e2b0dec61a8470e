package org.splitmem.memory.migration;

import java.util.Arrays;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageSet;

/**
 * Where each page of a VM is to go: to the main host unless it is planned for a sub-host. A bit a page says that it is, and its place in the
 * VM which one: sub-hosts have ranges, one after the other, so that each gets long runs. Only pages that are planned late, into a block of
 * which no other page is planned, may go to a sub-host of another range, which then has that block.
 *
 * <p>One thread plans; any thread may read meanwhile what has been planned before its work began, and take pages back for the main host.
 */
final class PagePlan {
    /** The main host, in place of a sub-host's index. */
    static final int MAIN = -1;

    /** Pages of a block: 2 MiB. */
    static final int BLOCK_PAGES = 512;

    private static final int BY_RANGE = 0;

    private final PageSet forSubHosts;
    /** First page of each sub-host's range, up to that of {@code last}. */
    private final long[] firsts = new long[PageEntry.MAX_HOMES];

    private int last;
    /** For each block: one more than its sub-host, or BY_RANGE. */
    private final byte[] blocks;

    /** @param forSubHosts the bits: empty */
    PagePlan(PageSet forSubHosts) {
        this.forSubHosts = forSubHosts;
        this.blocks = new byte[(int) ((forSubHosts.pages() - 1) / BLOCK_PAGES + 1)];
        Arrays.fill(firsts, 1, firsts.length, Long.MAX_VALUE);
    }

    /** The index of the sub-host, or {@link #MAIN}. */
    int target(long page) {
        return forSubHosts.contains(page) ? host(page) : MAIN;
    }

    private int host(long page) {
        int other = blocks[block(page)];
        if (other != BY_RANGE) {
            return other - 1;
        }
        int host = last;
        while (page < firsts[host]) {
            host--;
        }
        return host;
    }

    /** Plans pages in ascending order, and so their sub-hosts: the first page of one begins its range. */
    void planNext(long page, int host) {
        if (firsts[host] == Long.MAX_VALUE) {
            firsts[host] = page;
            last = host;
        }
        forSubHosts.add(page);
    }

    /** The sub-host that a page must go to if it goes to one, as others of its block do; {@link #MAIN} if it may be any. */
    int settledHost(long page) {
        long first = (long) block(page) * BLOCK_PAGES;
        long end = Math.min(first + BLOCK_PAGES, forSubHosts.pages());
        return forSubHosts.next(first, end) < end ? host(page) : MAIN;
    }

    /** Plans a page for the sub-host that its block has, or for any if it has none, see {@link #settledHost}. */
    void planLate(long page, int host) {
        int settled = settledHost(page);
        if (settled == MAIN) {
            blocks[block(page)] = (byte) (host + 1);
        } else if (settled != host) {
            throw new IllegalArgumentException("page " + page + " can go to sub-host " + settled + ", not to " + host);
        }
        forSubHosts.add(page);
    }

    /** The page goes to the main host after all. */
    void planForMain(long page) {
        forSubHosts.remove(page);
    }

    private static int block(long page) {
        return (int) (page / BLOCK_PAGES);
    }
}
