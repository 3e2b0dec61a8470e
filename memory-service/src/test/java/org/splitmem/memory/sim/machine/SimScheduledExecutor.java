package org.splitmem.memory.sim.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** {@link java.util.concurrent.ScheduledThreadPoolExecutor} for simulated code: tasks that are done once, each on a thread of its own. */
public final class SimScheduledExecutor {
    private final SimThreadFactory factory;
    private boolean shutdown;

    public SimScheduledExecutor(int threads, SimThreadFactory factory) {
        this.factory = factory;
    }

    public void setRemoveOnCancelPolicy(boolean on) {}

    public Future<?> schedule(Runnable task, long delay, TimeUnit unit) {
        SimFutureTask<Boolean> future = new SimFutureTask<>(task, true);
        SimThread thread = factory.newThread(future);
        Scheduler scheduler = Scheduler.here();
        scheduler.at(scheduler.now() + unit.toNanos(delay), () -> {
            if (!shutdown && !future.isDone() && !thread.process().isDead()) {
                thread.start();
            }
        });
        return future;
    }

    public List<Runnable> shutdownNow() {
        shutdown = true;
        return new ArrayList<>();
    }
}
