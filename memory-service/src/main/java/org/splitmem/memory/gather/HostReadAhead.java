package org.splitmem.memory.gather;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.remote.FetchClient;
import org.splitmem.memory.thread.Backoff;
import org.splitmem.memory.wire.RunList;

/** Reads ahead what one memory server has, until all is closed; what comes is taken on the client's second thread. */
final class HostReadAhead implements Runnable, FetchClient.Fetch {
    private static final Logger log = LoggerFactory.getLogger(HostReadAhead.class);
    /** The source is still telling which pages there are. */
    private static final long LOOK_MS = 20;

    private final ReadAhead all;
    private final String vm;
    private final PageTable table;
    private final FaultPoints points;
    private final int host;
    private final String server;
    private final FetchClient client;
    private final BulkClaims claims;
    private final BulkArrivals arrivals;
    private final Backoff backoff = Backoff.ofServer();
    private volatile long taken; // written by the client's second thread

    HostReadAhead(ReadAhead all, ReadAhead.Vm vm, int host, Endpoint endpoint) {
        this.all = all;
        this.vm = vm.name();
        this.table = vm.table();
        this.points = vm.points();
        this.host = host;
        this.server = endpoint.host();
        this.client = new FetchClient(endpoint);
        this.claims = new BulkClaims(table, host);
        this.arrivals = new Hidden(vm.memory());
    }

    /** Nobody looks at these pages before their chunk opens. */
    private final class Hidden extends BulkArrivals {
        Hidden(GuestMemory memory) {
            super(memory, table, host);
        }

        @Override
        void written(long first, long count) {
            points.reached(FaultPoint.AHEAD_STORED);
            stepAll(first, count, PageEntry.of(PageState.LOCAL));
        }

        @Override
        void left(long first, long count) {
            log.debug("vm={} no room for {} pages from {} on", vm, count, first);
        }
    }

    @Override
    public void run() {
        if (!all.enter()) {
            return;
        }
        try {
            while (!all.isClosed()) {
                all.pause(pass());
            }
        } finally {
            all.exit();
        }
    }

    /** @return how long to wait before the next one */
    private long pass() {
        if (table.countRemote(host) == 0) {
            return LOOK_MS;
        }
        long before = taken;
        try {
            claims.begin();
            client.fetch(this);
        } catch (IOException e) {
            failed(String.valueOf(e.getMessage()));
        } catch (RuntimeException | OutOfMemoryError e) {
            log.error("vm={} reading ahead from {} failed", vm, server, e);
        }
        if (taken > before) {
            backoff.succeeded();
            return LOOK_MS;
        }
        // Also if the server lacks pages that the source has named: the VM's later owner asks for them, and reports
        // what is lost.
        return TimeUnit.NANOSECONDS.toMillis(backoff.failed());
    }

    private void failed(String why) {
        if (!all.isClosed()) {
            log.warn("vm={} nothing is read ahead from {} now: {}", vm, server, why);
        }
    }

    @Override
    public boolean next(RunList pages) {
        if (all.isClosed()) {
            return false;
        }
        claims.claim(pages, all.most());
        if (pages.isEmpty()) {
            return false;
        }
        points.reached(FaultPoint.AHEAD_CLAIMED);
        all.limiter().acquire(Pages.toBytes(pages.pages()));
        return true;
    }

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // the client's second thread alone writes it
    public void take(long address, long page, long count) throws IOException {
        long of = arrivals.take(address, page, count);
        taken += of;
        all.came(of);
    }

    /** What has not come, or not whole, is left to whoever will own the VM. */
    @Override
    public void answered(RunList pages, int damaged) {
        for (int run = 0; run < pages.runs(); run++) {
            for (long page = pages.first(run); page < pages.first(run) + pages.count(run); page++) {
                claims.giveBack(page);
            }
        }
    }

    @Override
    public void unanswered(RunList pages) {
        claims.giveBack(pages);
    }

    void end() {
        client.close();
    }
}
