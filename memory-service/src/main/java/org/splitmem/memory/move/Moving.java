package org.splitmem.memory.move;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.Arrivals;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.thread.Backoff;

/**
 * Has the pages of memory servers that are to be emptied fetched by the others, on a thread of its own that ends when there is nothing to move,
 * or nowhere to. While this exists nothing is paged out to a server that is to be emptied: its pages only become fewer. Any thread.
 */
public final class Moving implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Moving.class);
    private static final long END_MS = 10;

    private final Vm vm;
    private final PageTable table;
    private final LongAdder moved = new LongAdder();
    private volatile boolean closed;

    // Guarded by this.
    private @Nullable Thread thread;
    private @Nullable HostMove current;
    private long dueNs = System.nanoTime();
    private final Backoff backoff = Backoff.ofServer();
    private @Nullable String trouble;

    /** Whose pages they are. Which memory servers it has, and which are to be emptied, does not change. */
    public interface Vm {
        String name();

        PageTable table();

        Arrivals arrivals();

        FaultPoints points();

        /** Those that are to be emptied, by index. */
        List<Integer> emptied();

        /** Those that pages may go to, by index. */
        List<Integer> takers();

        /** How many more pages a memory server can take; not positive: none. */
        long room(int host);

        Home home(int index);

        /** The most that is to be moved from a server that is emptied; 0: no limit. */
        long bytesPerSecond(int host);

        /** Whether pages are to be moved now. */
        boolean mayMove();
    }

    public Moving(Vm vm) {
        this.vm = vm;
        this.table = vm.table();
    }

    /** Goes on, if there is something to move, and it has not just failed. */
    public synchronized void follow() {
        boolean isDue = !closed && thread == null && System.nanoTime() - dueNs >= 0;
        if (!isDue || !vm.mayMove() || vm.emptied().stream().noneMatch(host -> table.countRemote(host) > 0)) {
            return;
        }
        Thread begun = new Thread(this::run, "move-" + vm.name());
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

    public synchronized boolean isUnderWay() {
        return thread != null;
    }

    /** Pages that have been moved. */
    public long moved() {
        return moved.sum();
    }

    /** Why nothing is moved at present; null if nothing is known to be wrong. */
    public synchronized @Nullable String trouble() {
        return trouble;
    }

    private void run() {
        String failed = null;
        try {
            failed = moveAll();
        } catch (RuntimeException | OutOfMemoryError e) {
            log.error("vm={} moving pages failed", vm.name(), e);
            failed = e.toString();
        } finally {
            ended(failed);
        }
    }

    /** @return what went wrong; null if nothing did */
    private @Nullable String moveAll() {
        String failed = null;
        for (int from : vm.emptied()) {
            for (int to : takersByRoom()) {
                if (closed || table.countRemote(from) == 0 || !vm.mayMove()) {
                    break;
                }
                String its = move(from, to);
                failed = its == null ? failed : its;
            }
            if (!closed
                    && failed == null
                    && table.countRemote(from) > 0
                    && takersByRoom().isEmpty()) {
                failed = "no other sub-host has room for " + table.countRemote(from) + " pages of "
                        + vm.home(from).name();
            }
        }
        return failed;
    }

    private List<Integer> takersByRoom() {
        List<Integer> takers = new ArrayList<>(vm.takers());
        takers.removeIf(host -> vm.room(host) <= 0);
        takers.sort((a, b) -> Long.compare(vm.room(b), vm.room(a)));
        return takers;
    }

    private @Nullable String move(int from, int to) {
        HostMove move = new HostMove(vm, from, to, moved);
        synchronized (this) {
            if (closed) {
                return null;
            }
            current = move;
        }
        String way = vm.home(from).name() + " to " + vm.home(to).name();
        long before = moved.sum();
        long startNs = System.nanoTime();
        try {
            move.run();
            return null;
        } catch (IOException e) {
            return way + ": " + e.getMessage();
        } finally {
            long us = (System.nanoTime() - startNs) / 1_000;
            if (moved.sum() > before) {
                log.info("vm={} from {}: {} pages moved in {} us", vm.name(), way, moved.sum() - before, us);
            }
            move.close();
            synchronized (this) {
                current = null;
            }
        }
    }

    private synchronized void ended(@Nullable String failed) {
        thread = null;
        if (failed == null) {
            trouble = null;
            backoff.succeeded();
            dueNs = System.nanoTime() + backoff.shortestNs();
            return;
        }
        dueNs = System.nanoTime() + backoff.failed();
        if (!closed && !failed.equals(trouble)) {
            log.warn("vm={} pages are not moved now: {}", vm.name(), failed);
        }
        trouble = failed;
    }

    /** What is under way fails, and the thread ends. */
    @Override
    public void close() {
        Thread last;
        synchronized (this) {
            closed = true;
            last = thread;
        }
        try {
            while (last != null && last.isAlive()) {
                endCurrent();
                last.join(END_MS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void endCurrent() {
        if (current != null) {
            current.end();
        }
    }
}
