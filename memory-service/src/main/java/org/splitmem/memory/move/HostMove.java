package org.splitmem.memory.move;

import static org.splitmem.memory.page.PageState.REMOTE;

import java.io.IOException;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.PullClient;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.wire.RunList;

/**
 * Moves pages from one memory server to another. The table is the authority: a page is at the old server until its entry, by a
 * compare-and-set, names the new one, which has said before that it keeps it. Only then is the old one to drop it. One that is paged in
 * meanwhile makes that step fail, and the new server is to drop what it has fetched. For one thread, but for {@link #end}.
 */
final class HostMove implements PullClient.Pull, AutoCloseable {
    /** With a limit, what is asked for at once is this part of a second's worth. */
    private static final long REQUESTS_PER_SECOND = 20;

    private static final long LEAST_REQUEST = 16;
    /** How often one that waits for its turn looks whether that is still wanted. */
    private static final long LOOK_NS = 50_000_000L;

    private final Moving.Vm vm;
    private final PageTable table;
    private final int from;
    private final int to;
    private final Home old;
    private final Home taker;
    private final PullClient client;
    private final RateLimiter limiter;
    private final long most;
    private final LongAdder moved;
    private final RunList none = new RunList();
    private long cursor;
    private long underWay;
    private long asked;
    private long came;
    private volatile boolean ended;

    HostMove(Moving.Vm vm, int from, int to, LongAdder moved) {
        this.vm = vm;
        this.table = vm.table();
        this.from = from;
        this.to = to;
        this.moved = moved;
        this.old = vm.home(from);
        this.taker = vm.home(to);
        this.client = new PullClient(taker.endpoint(), old.endpoint());
        long limit = vm.bytesPerSecond(from);
        this.limiter = new RateLimiter(limit);
        this.most = limit == 0
                ? RunList.MAX_PAGES
                : Math.max(LEAST_REQUEST, Math.min(Pages.fromBytes(limit / REQUESTS_PER_SECOND), RunList.MAX_PAGES));
    }

    /** Returns when all were tried, or the new server has no more room. @throws IOException also if nothing came of what was asked for */
    void run() throws IOException {
        boolean done = false;
        try {
            client.pull(this);
            if (hasNone()) { // copies of an attempt that broke off may have been in the way: they are dropped now
                startOver();
                client.pull(this);
            }
            done = true;
        } finally {
            if (!done) {
                taker.suspectStale(); // it may have fetched what it has not told
            }
        }
        if (hasNone()) {
            throw new IOException(asked + " pages are missing or damaged at " + old.name());
        }
    }

    private boolean hasNone() {
        return asked > 0 && came == 0;
    }

    private void startOver() {
        cursor = 0;
        underWay = 0;
        asked = 0;
    }

    /** No drop that was noted earlier may come after a page that is fetched from now on. */
    @Override
    public void begun() throws IOException {
        taker.dropNow(none);
    }

    @Override
    public boolean next(RunList pages) {
        if (ended || !vm.mayMove()) {
            return false;
        }
        long room = Math.min(most, vm.room(to) - underWay);
        while (pages.pages() < room && cursor < table.pages()) {
            long page = table.nextRemote(cursor, table.pages(), from);
            cursor = Math.min(page + 1, table.pages());
            if (page < table.pages()) {
                pages.add(page);
            }
        }
        underWay += pages.pages();
        asked += pages.pages();
        awaitRate(pages.pages());
        return !pages.isEmpty();
    }

    private void awaitRate(long pages) {
        long startNs = limiter.reserve(Pages.toBytes(pages), System.nanoTime());
        long leftNs = startNs - System.nanoTime();
        while (leftNs > 0 && !ended) {
            LockSupport.parkNanos(Math.min(leftNs, LOOK_NS));
            leftNs = startNs - System.nanoTime();
        }
    }

    @Override
    public void answered(RunList request, RunList stored, int damaged) throws IOException {
        underWay -= request.pages();
        came += stored.pages();
        vm.points().reached(FaultPoint.MOVE_STORED);
        long count = 0;
        for (int run = 0; run < stored.runs(); run++) {
            for (long page = stored.first(run); page < stored.first(run) + stored.count(run); page++) {
                count += moved(page) ? 1 : 0;
            }
        }
        moved.add(count);
        vm.points().reached(FaultPoint.MOVE_STEPPED);
        if (stored.pages() < request.pages()) {
            dropWhatItHad(request, stored);
        }
        old.flushDrops(); // more come in a moment than may wait for housekeeping to send them
    }

    /** The server keeps the page. @return false if it was paged in, or given back, meanwhile */
    private boolean moved(long page) {
        long ticket = vm.arrivals().gate().enter(); // a page-out of this page cannot store before a drop is noted
        try {
            int entry = table.get(page);
            boolean isThere = PageEntry.state(entry) == REMOTE && PageEntry.home(entry) == from;
            if (isThere && table.step(page, entry, PageEntry.withHome(entry, to))) {
                old.drop(page);
                return true;
            }
            if (!PageEntry.names(table.get(page), to)) { // else the owner has sent it there itself since
                taker.drop(page);
            }
            return false;
        } finally {
            vm.arrivals().gate().leave(ticket);
        }
    }

    /**
     * Of what was not stored, the new server may have a copy that is older, from an attempt that broke off, which is in the way. To be gone
     * before the page is asked for again.
     */
    private void dropWhatItHad(RunList request, RunList stored) throws IOException {
        int at = 0;
        for (int run = 0; run < request.runs(); run++) {
            for (long page = request.first(run); page < request.first(run) + request.count(run); page++) {
                while (at < stored.runs() && stored.first(at) + stored.count(at) <= page) {
                    at++;
                }
                boolean isStored = at < stored.runs() && stored.first(at) <= page;
                if (isStored) {
                    continue;
                }
                came += isStillAtOld(page) ? 0 : 1;
            }
        }
        taker.dropNow(none);
    }

    private boolean isStillAtOld(long page) {
        long ticket = vm.arrivals().gate().enter();
        try {
            int entry = table.get(page);
            boolean isThere = PageEntry.state(entry) == REMOTE && PageEntry.home(entry) == from;
            if (isThere) {
                taker.drop(page);
            }
            return isThere;
        } finally {
            vm.arrivals().gate().leave(ticket);
        }
    }

    /** What is under way fails. Any thread. */
    void end() {
        ended = true;
        client.close();
        taker.interrupt();
        old.interrupt();
    }

    @Override
    public void close() {
        client.close();
    }
}
