package org.splitmem.memory.sim.machine;

import java.util.concurrent.Callable;
import java.util.concurrent.RunnableFuture;

/** {@link java.util.concurrent.FutureTask} for simulated code. */
public final class SimFutureTask<T> extends SimFuture<T> implements RunnableFuture<T> {
    private final Callable<T> task;

    public SimFutureTask(Callable<T> task) {
        this.task = task;
    }

    public SimFutureTask(Runnable task, T result) {
        this(() -> {
            task.run();
            return result;
        });
    }

    @Override
    public void run() {
        if (isDone()) {
            return;
        }
        try {
            complete(task.call());
        } catch (Killed e) {
            completeExceptionally(e);
            throw e;
        } catch (Throwable e) { // as the real one
            completeExceptionally(e);
        }
    }
}
