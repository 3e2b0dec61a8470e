package org.splitmem.memory.workingset;

import static org.splitmem.memory.page.PageState.OUTGOING;

import java.io.IOException;
import java.util.Arrays;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.thread.Backoff;
import org.splitmem.memory.wire.RunList;

/**
 * Sends a migrating VM's pages to one home, and frees here what it has stored, on a thread of its own while there is something to send: a
 * home that does not answer holds up no other. While it sends, no page may be marked for this home: what is sent could be an older content
 * than what is marked then. After a failure it pauses, longer each time.
 */
final class HomeReturns {
    private static final Logger log = LoggerFactory.getLogger(HomeReturns.class);
    /** Pages that have been sent for longer are not expected to be free soon. */
    private static final long PROMPT_NS = 1_000_000_000L;

    private final PageTable table;
    private final PageReturner.Vm vm;
    private final PageReturner.Transfers transfers;
    private final int index;
    private final PageFreer freer;
    private final RunList batch = new RunList();
    private final RunList stored = new RunList();
    private final LongAdder freed = new LongAdder();
    private final Pause ofCopied = new Pause();
    private final Pause ofOthers = new Pause();
    private volatile boolean cancelled;

    // Guarded by this.
    private int[] pages = {};
    private long sinceNs;
    private boolean busy;
    private @Nullable Thread thread;

    HomeReturns(PageReturner.Vm vm, int index, PageReturner.Transfers transfers) {
        this.vm = vm;
        this.table = vm.table();
        this.transfers = transfers;
        this.index = index;
        this.freer = new PageFreer(vm);
    }

    /** After a failure, longer each time. */
    private static final class Pause {
        private final Backoff backoff = Backoff.ofServer();
        private long untilNs;

        synchronized boolean isOver() {
            return backoff.isReset() || untilNs - System.nanoTime() <= 0;
        }

        /** @return whether it is the first one */
        synchronized boolean begin() {
            boolean isFirst = backoff.isReset();
            untilNs = System.nanoTime() + backoff.failed();
            return isFirst;
        }

        synchronized void end() {
            backoff.succeeded();
        }
    }

    private Home home() {
        return vm.homes().get(index);
    }

    private Pause pauseOf(boolean copied) {
        return copied ? ofCopied : ofOthers;
    }

    /** Whether pages may be marked for it. */
    boolean isFree(boolean copied) {
        return !isBusy() && pauseOf(copied).isOver();
    }

    private synchronized boolean isBusy() {
        return busy;
    }

    /** Pages that are likely to be free in a moment. */
    synchronized long underWay() {
        return busy && System.nanoTime() - sinceNs < PROMPT_NS ? pages.length : 0;
    }

    /** @return pages freed since the last call */
    long takeFreed() {
        return freed.sumThenReset();
    }

    /** Begins to send pages that are marked for it; those that cannot be sent stay. */
    void send(int[] marked, int count) {
        if (isBusy()) { // they were to be freed without being sent, and count as written since
            for (int i = 0; i < count; i++) {
                stay(marked[i]);
            }
            return;
        }
        Thread next = new Thread(this::run, "return-" + home().name());
        next.setDaemon(true);
        synchronized (this) {
            pages = Arrays.copyOf(marked, count);
            sinceNs = System.nanoTime();
            cancelled = false;
            busy = true;
            thread = next;
        }
        boolean begun = false;
        try {
            next.start();
            begun = true;
        } catch (OutOfMemoryError e) { // no thread can be had
            failed(true, e);
            failed(false, e);
        } finally {
            if (!begun) {
                end();
            }
        }
    }

    private void run() {
        try {
            store(true);
            store(false);
        } catch (LinuxException | RuntimeException | OutOfMemoryError e) {
            log.error("pages could not be given back to {}", home().name(), e);
            failed(true, e);
            failed(false, e);
        } finally {
            end();
        }
    }

    private void end() {
        stayAll();
        synchronized (this) {
            busy = false;
        }
    }

    /** Those that it has as they were, which take no room there, or others. */
    private void store(boolean copied) throws LinuxException {
        int[] all = all();
        int next = 0;
        while (next < all.length && !cancelled) {
            batch.clear();
            for (; next < all.length && batch.pages() < RunList.MAX_PAGES && !batch.isFull(); next++) {
                if (isLeaving(table.get(all[next]), copied)) {
                    batch.add(all[next]);
                }
            }
            if (!batch.isEmpty() && !storeBatch(copied)) {
                return;
            }
        }
    }

    private synchronized int[] all() {
        return pages;
    }

    private boolean isLeaving(int entry, boolean copied) {
        return isLeaving(entry) && PageEntry.isCopied(entry) == copied;
    }

    private boolean isLeaving(int entry) {
        return PageEntry.state(entry) == OUTGOING && PageEntry.home(entry) == index;
    }

    private boolean storeBatch(boolean copied) throws LinuxException {
        try {
            home().store(batch, this::stay);
            pauseOf(copied).end();
        } catch (IOException e) {
            failed(copied, e);
            return false;
        }
        vm.points().reached(FaultPoint.RETURN_STORED);
        stored.clear();
        PageReturner.forEach(batch, this::claim);
        if (!stored.isEmpty()) {
            free();
        }
        return true;
    }

    private void claim(long page) {
        int entry = table.get(page);
        if (isLeaving(entry) && freer.claim(page, entry)) {
            stored.add(page);
        }
    }

    private void free() throws LinuxException {
        freer.free(stored);
        PageReturner.forEach(stored, transfers::returned);
        vm.stats().pageOuts.add(stored.pages());
        freed.add(stored.pages());
    }

    private void failed(boolean copied, Throwable why) {
        if (pauseOf(copied).begin() && !cancelled) {
            log.warn("pages are not given back to {}: {}", home().name(), why.getMessage());
        }
    }

    private void stay(long page) {
        int entry = table.get(page);
        while (isLeaving(entry) && !table.step(page, entry, PageEntry.staying(entry))) {
            entry = table.get(page);
        }
    }

    private void stayAll() {
        for (int page : all()) {
            stay(page);
        }
    }

    /** What is not freed yet stays here; does not wait. */
    void cancel() {
        if (isBusy()) {
            cancelled = true;
            stayAll();
        }
    }

    /** Returns when nothing is sent any more. After {@link #cancel}; another thread {@linkplain Home#interrupt interrupts} the home. */
    void awaitEnd() {
        Thread last;
        synchronized (this) {
            last = thread;
        }
        boolean isInterrupted = false;
        while (last != null && last.isAlive()) {
            try {
                last.join();
            } catch (InterruptedException e) {
                isInterrupted = true;
            }
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
