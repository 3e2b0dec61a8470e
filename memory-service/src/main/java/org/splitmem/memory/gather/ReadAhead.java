package org.splitmem.memory.gather;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.stream.RateLimiter;

/**
 * Brings to a migration's destination what the VM's memory servers keep, while the source sends what it has, so that a split VM that is to be whole
 * there comes from all hosts at once. Nothing is changed at the memory servers, which are still the source's.
 *
 * <p>Nothing may look at the pages yet: a page is in no chunk that is open. What a memory server has is right until the guest writes the page at the source,
 * which then sends it, or names it in a dirty set: so <em>what comes from the source is never written over</em>, see {@link #beaten}, and this
 * has to have ended before the first dirty set is taken. Any thread.
 */
public final class ReadAhead implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ReadAhead.class);
    /** A page is written in microseconds. */
    private static final long WRITTEN_NS = 10_000_000_000L;

    private static final long END_MS = 10;

    private final Vm vm;
    private final List<HostReadAhead> hosts = new ArrayList<>();
    private final RateLimiter limiter;
    private final long most;
    private final LongAdder came = new LongAdder();
    private volatile long beganNs = System.nanoTime();
    private volatile boolean closed;

    // Guarded by this.
    private int running;
    private boolean ended;

    /**
     * Whose pages they are.
     *
     * @param name for people
     * @param servers by index
     * @param bytesPerSecond the most that may come from all of them together; 0: no limit
     */
    public record Vm(
            String name,
            GuestMemory memory,
            PageTable table,
            Map<Integer, Endpoint> servers,
            long bytesPerSecond,
            FaultPoints points) {}

    public ReadAhead(Vm vm) {
        this.vm = vm;
        this.limiter = new RateLimiter(vm.bytesPerSecond());
        this.most = Gathering.requestPages(vm.bytesPerSecond(), vm.servers().size());
        vm.servers().forEach((index, endpoint) -> hosts.add(new HostReadAhead(this, vm, index, endpoint)));
    }

    /** @param threads runs each server's task on a thread of its own, as long as which the RAM and the table stay mapped */
    public void start(Executor threads) {
        beganNs = System.nanoTime();
        hosts.forEach(threads::execute);
    }

    /**
     * What the source sends of these pages is newer: once this returns nothing else is written to them.
     *
     * @throws IOException if one that is just being written stays so
     */
    public void beaten(long first, long count) throws IOException {
        for (long page = first; page < first + count; page++) {
            int entry = vm.table().get(page);
            if (PageEntry.state(entry) != PageState.LOCAL && !beat(page, entry)) {
                awaitBeaten(page);
            }
        }
    }

    private void awaitBeaten(long page) throws IOException {
        long endNs = System.nanoTime() + WRITTEN_NS;
        int entry = vm.table().get(page);
        while (PageEntry.state(entry) != PageState.LOCAL && !beat(page, entry)) {
            if (System.nanoTime() - endNs > 0) {
                throw new IOException("page " + page + " of VM " + vm.name() + " is being written, and stays so");
            }
            Thread.onSpinWait();
            entry = vm.table().get(page);
        }
    }

    /** @return false if another thread was first, or the page is just being written */
    private boolean beat(long page, int entry) {
        boolean isClaimed =
                PageEntry.state(entry) == PageState.INCOMING && !PageEntry.isInBulk(entry, PageEntry.home(entry));
        return !isClaimed && vm.table().step(page, entry, PageEntry.of(PageState.LOCAL));
    }

    /** The source says that a page is on a memory server. It said so before it sent anything, and may be overtaken by that. */
    public void placed(long page, int host) {
        vm.table().step(page, PageEntry.of(PageState.ZERO), PageEntry.of(PageState.REMOTE, host));
    }

    /** What is under way fails; returns when nothing is written any more. Again does nothing. */
    @Override
    public void close() {
        closed = true;
        limiter.end();
        hosts.forEach(HostReadAhead::end);
        if (awaitEnd()) {
            vm.points().reached(FaultPoint.AHEAD_ENDED);
            log.info(
                    "vm={} {} pages were read ahead in {} ms, {} are still on memory servers",
                    vm.name(),
                    came.sum(),
                    (System.nanoTime() - beganNs) / 1_000_000,
                    vm.table().count(PageState.REMOTE));
        }
    }

    /** @return whether it is the first time */
    private synchronized boolean awaitEnd() {
        boolean isInterrupted = false;
        notifyAll(); // those that pause
        while (running > 0) {
            try {
                wait(END_MS);
            } catch (InterruptedException e) {
                isInterrupted = true;
            }
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
        boolean isFirst = !ended;
        ended = true;
        return isFirst;
    }

    // ---- for its servers

    boolean isClosed() {
        return closed;
    }

    /** @return false if it is closed already; else {@link #exit} has to follow */
    synchronized boolean enter() {
        if (closed) {
            return false;
        }
        running++;
        return true;
    }

    synchronized void exit() {
        running--;
        notifyAll();
    }

    /** Waits, but not longer than until it is closed. */
    synchronized void pause(long ms) {
        long endNs = System.nanoTime() + ms * 1_000_000;
        long leftMs = ms;
        try {
            while (!closed && leftMs > 0) {
                wait(leftMs);
                leftMs = (endNs - System.nanoTime()) / 1_000_000;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Most pages to ask for at once. */
    long most() {
        return most;
    }

    RateLimiter limiter() {
        return limiter;
    }

    void came(long pages) {
        came.add(pages);
    }
}
