package org.splitmem.memory.sim.machine;

import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** {@link java.util.concurrent.CompletableFuture} for simulated code, as far as it is one thread's answer to another. */
public class SimFuture<T> implements Future<T> {
    private final WaitQueue waiting = new WaitQueue();
    private @Nullable T value;
    private @Nullable Throwable failure;
    private boolean done;
    private boolean cancelled;

    public final boolean complete(T result) {
        if (done) {
            return false;
        }
        value = result;
        return end();
    }

    public final boolean completeExceptionally(Throwable why) {
        if (done) {
            return false;
        }
        failure = why;
        return end();
    }

    private boolean end() {
        done = true;
        waiting.wakeAll();
        return true;
    }

    @Override
    public boolean cancel(boolean mayInterrupt) {
        if (done) {
            return false;
        }
        cancelled = true;
        return end();
    }

    @Override
    public final boolean isCancelled() {
        return cancelled;
    }

    @Override
    public final boolean isDone() {
        return done;
    }

    @Override
    public final T get() throws InterruptedException, ExecutionException {
        try {
            return get(Long.MAX_VALUE / 2, TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    @SuppressWarnings("NullAway") // a value of null is the answer of a task without one
    public final T get(long time, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
        SimThread self = SimThread.currentThread();
        long until = self.scheduler().now() + unit.toNanos(time);
        while (!done) {
            self.requireNotInterrupted();
            if (!self.scheduler().await(waiting, until) && !done) {
                throw new TimeoutException();
            }
        }
        if (cancelled) {
            throw new CancellationException();
        }
        if (failure != null) {
            throw new ExecutionException(failure);
        }
        return value;
    }
}
