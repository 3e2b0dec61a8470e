package org.splitmem.memory.gather;

import static org.splitmem.memory.page.PageState.INCOMING;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.Arrivals;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.remote.FetchClient;
import org.splitmem.memory.thread.Backoff;
import org.splitmem.memory.wire.RunList;

/**
 * Gathers a part of what one memory server has, on a thread of its own that ends when there is nothing more to ask for; what comes is taken on the
 * client's second thread.
 */
final class HostGathering implements FetchClient.Fetch {
    private static final Logger log = LoggerFactory.getLogger(HostGathering.class);
    /** After an attempt to send drops that failed. */
    private static final long DROP_PAUSE_NS = TimeUnit.SECONDS.toNanos(1);

    private static final long END_MS = 10;

    private final Gathering all;
    private final int host;
    private final PageTable table;
    private final Home home;
    private final FetchClient client;
    private final BulkArrivals arrivals;

    private final BulkClaims claims; // the thread's

    // The second thread's.
    private long dropsDueNs = System.nanoTime();

    // Guarded by this.
    private @Nullable Thread thread;
    private long dueNs = System.nanoTime();
    private final Backoff backoff = Backoff.ofServer();
    private @Nullable String trouble;
    private boolean closed;

    /** @param lane of {@code lanes} that fetch from the server at a time, each on a connection of its own */
    HostGathering(Gathering all, Gathering.Vm vm, int host, int lane, int lanes) {
        this.all = all;
        this.host = host;
        this.table = vm.table();
        this.claims = new BulkClaims(table, host, lane, lanes);
        this.home = vm.home(host);
        this.client = new FetchClient(home.endpoint());
        this.arrivals = new GatheredArrivals(vm, host, home::drop);
    }

    /** Goes on, if the server has pages and has not just failed. */
    synchronized void follow(long nowNs) {
        if (closed || thread != null || !claims.hasAny() || table.countRemote(host) == 0 || nowNs - dueNs < 0) {
            return;
        }
        Thread begun = new Thread(this::run, "gather-" + home.name());
        begun.setDaemon(true);
        thread = begun;
        boolean started = false;
        try {
            begun.start();
            started = true;
        } finally {
            if (!started) { // no thread can be had
                thread = null;
            }
        }
    }

    synchronized boolean isUnderWay() {
        return thread != null;
    }

    /** Why nothing comes from the server at present; null if nothing is known to be wrong. */
    synchronized @Nullable String trouble() {
        return trouble;
    }

    private void run() {
        IOException failed = null;
        try {
            fetchAll();
        } catch (IOException e) {
            failed = e;
        } catch (RuntimeException | OutOfMemoryError e) {
            log.error("vm={} gathering from {} failed", all.name(), home.name(), e);
            failed = new IOException(e.toString(), e);
        } finally {
            ended(failed);
        }
    }

    private void fetchAll() throws IOException {
        boolean again = true;
        while (again) {
            boolean isWholePass = claims.begin();
            client.fetch(this);
            // What was behind the cursor, or has been left by an answer or a page-out since.
            again = claims.isAtEnd() && table.countRemote(host) > 0 && (claims.claimed() > 0 || !isWholePass);
        }
    }

    private synchronized void ended(@Nullable IOException failed) {
        thread = null;
        if (failed == null) {
            dueNs = System.nanoTime() + (claims.claimed() == 0 ? backoff.shortestNs() : 0);
            backoff.succeeded();
            return;
        }
        dueNs = System.nanoTime() + backoff.failed();
        String now = home.name() + ": " + failed.getMessage();
        if (!closed && !now.equals(trouble)) {
            log.warn("vm={} is gathered on, but not from {} now", all.name(), now);
        }
        trouble = now;
    }

    @Override
    public boolean next(RunList pages) {
        all.claim(this, pages);
        if (pages.isEmpty()) {
            return false;
        }
        all.reached(FaultPoint.GATHER_CLAIMED);
        all.awaitRate(pages.pages());
        return true;
    }

    void claim(RunList pages, long most) {
        claims.claim(pages, most);
    }

    @Override
    public void take(long address, long page, long count) throws IOException {
        all.came(arrivals.take(address, page, count));
    }

    @Override
    public void answered(RunList pages, int damaged) {
        all.damaged(damaged);
        for (int run = 0; run < pages.runs(); run++) {
            for (long page = pages.first(run); page < pages.first(run) + pages.count(run); page++) {
                askAlone(page);
            }
        }
        sendDrops();
        synchronized (this) {
            backoff.succeeded();
            trouble = null;
        }
    }

    /** One that has not come, or not whole, is asked for as for a fault: that tries often enough, and says so if it is lost. */
    private void askAlone(long page) {
        int entry = table.get(page);
        if (!PageEntry.isInBulk(entry, host)) {
            return;
        }
        if (!home.hasRoomToSpare()) {
            claims.giveBack(page);
        } else if (table.step(page, entry, PageEntry.of(INCOMING, host))) {
            home.request(page, Arrivals.NOBODY_WAITS);
        }
    }

    /** More come in a moment than may wait for housekeeping to send them. */
    private void sendDrops() {
        if (System.nanoTime() - dropsDueNs < 0) {
            return;
        }
        try {
            home.flushDrops();
        } catch (IOException e) {
            dropsDueNs =
                    System.nanoTime() + DROP_PAUSE_NS; // housekeeping tries again, or finds them by a reconciliation
        }
    }

    @Override
    public void unanswered(RunList pages) {
        claims.giveBack(pages);
    }

    /** What is under way fails; nothing begins any more. */
    synchronized void end() {
        closed = true;
        client.close();
    }

    /** Returns when its thread has ended, after {@link #end}. */
    void join() throws InterruptedException {
        Thread last;
        synchronized (this) {
            last = thread;
        }
        while (last != null && last.isAlive()) {
            home.interrupt();
            last.join(END_MS);
        }
    }
}
