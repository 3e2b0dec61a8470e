package org.splitmem.memory.vm;

import java.io.IOException;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.shim.ShimSession;
import org.splitmem.memory.thread.Backoff;
import org.splitmem.memory.workingset.PageOuter;

/**
 * What housekeeping has to do with one memory server, on a thread of its own: while that server does not answer, pages go to the others.
 * After a failure it pauses, longer each time, and sends nothing there until then. Any thread, but for the batch.
 */
final class LenderHousekeeping {
    private static final Logger log = LoggerFactory.getLogger(LenderHousekeeping.class);
    /** How often a call that waits is ended when this is closed: it may just be making a new connection. */
    private static final long END_MS = 10;
    /** Pages of a batch that takes longer are not expected to be free soon. */
    private static final long PROMPT_NS = 1_000_000_000L;

    /** What it can be asked for. */
    enum Duty {
        /** To tell the server who the owner is: no older one is obeyed from then on. */
        ADOPT,
        /** To tell it which of its copies are stale. */
        DROP,
        /** To find stale copies that nobody has noted. */
        RECONCILE
    }

    private final Vm vm;
    private final VmRecord wired;
    private final int host;
    private final Paging paging;
    private final Home home;
    private final PageOuter batch;
    private final Runnable whenFree;
    private final Thread thread;

    // Guarded by this.
    private final Set<Duty> duties = EnumSet.noneOf(Duty.class);
    private @Nullable ShimSession sending; // while it is set the batch is this object's thread's
    private long sendingSinceNs;
    private boolean adopted;
    private boolean pausing;
    private boolean closed;

    /** @param whenFree called when it may be able to take a batch again */
    LenderHousekeeping(Vm vm, VmRecord wired, Paging paging, int host, Runnable whenFree) {
        this.vm = vm;
        this.wired = wired;
        this.host = host;
        this.paging = paging;
        this.home = paging.homes().get(host);
        this.whenFree = whenFree;
        this.batch = new PageOuter(
                paging.memory(),
                paging.qemu(),
                paging.table(),
                paging.stats(),
                paging.arrivals().gate(),
                vm::reached);
        this.thread = new Thread(this::run, "page-out-" + name() + "-" + vm.uuid());
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    int host() {
        return host;
    }

    private String name() {
        return home.name();
    }

    Home home() {
        return home;
    }

    /** Whether the batch may be filled: the server knows its owner, has had the last one, and has not just failed. */
    synchronized boolean isFree() {
        return adopted && sending == null && !pausing && !closed;
    }

    synchronized boolean isSending() {
        return sending != null;
    }

    synchronized boolean isAdopted() {
        return adopted;
    }

    /** To be filled while this {@link #isFree}, by one thread. */
    PageOuter batch() {
        return batch;
    }

    /** Has the batch sent, and freed what the guest does not touch meanwhile; or takes it back, if that makes no sense any more. */
    void send(ShimSession shim) {
        synchronized (this) {
            if (isFree()) {
                sending = shim;
                sendingSinceNs = System.nanoTime();
                notifyAll();
                return;
            }
        }
        batch.cancel(host);
    }

    /** Pages that are likely to be free in a moment. */
    synchronized long underWay() {
        return sending != null && System.nanoTime() - sendingSinceNs < PROMPT_NS ? batch.offered() : 0;
    }

    /** Asks for something to be done soon. */
    synchronized void ask(Duty duty) {
        if (duties.add(duty)) {
            notifyAll();
        }
    }

    private void run() {
        Backoff backoff = Backoff.ofServer();
        while (awaitWork()) {
            try {
                work();
                backoff.succeeded();
            } catch (IOException e) {
                if (backoff.isReset() && !isClosed()) {
                    log.warn("vm={} housekeeping with {} pauses: {}", vm.uuid(), name(), e.getMessage());
                }
                pause(backoff.failed());
            } catch (RuntimeException | OutOfMemoryError e) {
                log.error("vm={} housekeeping with {} failed", vm.uuid(), name(), e);
                pause(backoff.failed());
            }
        }
        takeBack();
    }

    private synchronized boolean isClosed() {
        return closed;
    }

    /** @return false if there is none any more */
    private synchronized boolean awaitWork() {
        try {
            while (!closed && sending == null && duties.isEmpty()) {
                wait();
            }
        } catch (InterruptedException e) {
            return false; // nobody does that
        }
        return !closed;
    }

    private void work() throws IOException {
        Set<Duty> todo;
        ShimSession shim;
        synchronized (this) {
            todo = EnumSet.copyOf(duties);
            duties.clear();
            shim = sending;
        }
        if (shim != null) {
            batch.finish(host, home, shim);
            free();
        }
        for (Duty duty : todo) {
            switch (duty) {
                case ADOPT -> adopt();
                case DROP -> home.flushDrops();
                case RECONCILE -> paging.reconcile(host, wired::isEmptied);
            }
        }
    }

    private void adopt() throws IOException {
        home.adopt(vm.record().epoch());
        synchronized (this) {
            adopted = true;
        }
        vm.reached(FaultPoint.ADOPTED);
        whenFree.run();
    }

    private void free() {
        synchronized (this) {
            sending = null;
        }
        whenFree.run();
    }

    private void pause(long pauseNs) {
        synchronized (this) {
            pausing = true;
        }
        takeBack();
        awaitEndOf(pauseNs);
        whenFree.run();
    }

    private synchronized void awaitEndOf(long pauseNs) {
        long endNs = System.nanoTime() + pauseNs;
        long leftMs = TimeUnit.NANOSECONDS.toMillis(pauseNs);
        try {
            while (!closed && leftMs > 0) {
                wait(leftMs);
                leftMs = TimeUnit.NANOSECONDS.toMillis(endNs - System.nanoTime());
            }
        } catch (InterruptedException e) {
            closed = true; // nobody does that
        }
        pausing = false;
    }

    /** One that failed has taken its pages back itself; one that came meanwhile is not to wait for the next attempt. */
    private void takeBack() {
        if (isSending()) {
            batch.cancel(host);
            free();
        }
    }

    /** What is under way fails; its pages stay here. */
    synchronized void end() {
        closed = true;
        notifyAll();
        home.interrupt();
    }

    /** Returns when its thread has ended, after {@link #end}. */
    void join() throws InterruptedException {
        while (thread.isAlive()) {
            home.interrupt();
            thread.join(END_MS);
        }
    }
}
