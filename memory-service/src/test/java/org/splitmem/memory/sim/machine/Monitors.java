package org.splitmem.memory.sim.machine;

import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;

/** Objects' monitors: what {@code synchronized}, wait and notify are to simulated code. */
public final class Monitors {
    private final Scheduler scheduler;
    private final IdentityHashMap<Object, Monitor> held =
            new IdentityHashMap<>(); // never iterated: its order differs from run to run

    private static final class Monitor {
        private final WaitQueue entering = new WaitQueue();
        private final WaitQueue waiting = new WaitQueue();
        private @Nullable SimThread owner;
        private int depth;
        private int users; // threads that are about to look at it again
    }

    Monitors(Scheduler scheduler) {
        this.scheduler = scheduler;
    }

    // ---- called by rewritten code, which may run outside of any simulation

    public static void enter(Object object) {
        SimThread here = Carrier.here();
        if (here != null && !here.scheduler().isQuiet()) {
            here.scheduler().point();
            here.scheduler().monitors().enter(here, object);
        }
    }

    public static void exit(Object object) {
        SimThread here = Carrier.here();
        if (here != null && !here.scheduler().isQuiet()) {
            here.scheduler().monitors().exit(here, object);
        }
    }

    public static void await(Object object) throws InterruptedException {
        await(object, 0);
    }

    public static void await(Object object, long ms) throws InterruptedException {
        SimThread here = SimThread.currentThread();
        here.scheduler().monitors().await(here, object, ms);
    }

    public static void signal(Object object) {
        SimThread here = SimThread.currentThread();
        here.scheduler().monitors().required(here, object).waiting.wakeOne();
    }

    public static void signalAll(Object object) {
        SimThread here = SimThread.currentThread();
        here.scheduler().monitors().required(here, object).waiting.wakeAll();
    }

    public static boolean isHeld(Object object) {
        SimThread here = SimThread.currentThread();
        Monitor monitor = here.scheduler().monitors().held.get(object);
        return monitor != null && monitor.owner == here;
    }

    // ----

    private void enter(SimThread self, Object object) {
        Monitor monitor = held.computeIfAbsent(object, of -> new Monitor());
        take(self, monitor, 1);
    }

    private void take(SimThread self, Monitor monitor, int depth) {
        while (monitor.owner != null && monitor.owner != self) {
            monitor.users++;
            try {
                scheduler.await(monitor.entering, Long.MAX_VALUE);
            } finally {
                monitor.users--;
            }
        }
        monitor.owner = self;
        monitor.depth += depth;
    }

    private void exit(SimThread self, Object object) {
        Monitor monitor = held.get(object);
        if (monitor == null || monitor.owner != self) {
            if (self.process().isDead()) {
                return; // it was killed while it waited
            }
            throw new IllegalMonitorStateException(self + " leaves a monitor that it does not hold");
        }
        monitor.depth--;
        if (monitor.depth == 0) {
            free(object, monitor);
        }
    }

    private void free(Object object, Monitor monitor) {
        monitor.owner = null;
        monitor.entering.wakeOne();
        if (monitor.users == 0 && monitor.entering.isEmpty() && monitor.waiting.isEmpty()) {
            held.remove(object);
        }
    }

    private Monitor required(SimThread self, Object object) {
        Monitor monitor = held.get(object);
        if (monitor == null || monitor.owner != self) {
            throw new IllegalMonitorStateException(self + " does not hold the monitor");
        }
        return monitor;
    }

    private void await(SimThread self, Object object, long ms) throws InterruptedException {
        Monitor monitor = required(self, object);
        self.requireNotInterrupted();
        int depth = monitor.depth;
        monitor.depth = 0;
        monitor.users++;
        free(object, monitor);
        try {
            scheduler.await(monitor.waiting, ms == 0 ? Long.MAX_VALUE : scheduler.now() + ms * 1_000_000);
            take(self, monitor, depth);
        } finally {
            monitor.users--;
        }
        self.requireNotInterrupted();
    }
}
