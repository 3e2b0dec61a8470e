package org.splitmem.memory.sim.machine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RunnableFuture;
import java.util.concurrent.TimeUnit;

/** {@link java.util.concurrent.Executors} for simulated code. */
public final class SimExecutors {
    private SimExecutors() {}

    public static ExecutorService newFixedThreadPool(int most, SimThreadFactory factory) {
        return new Pool(most, factory);
    }

    private static final class Pool extends AbstractExecutorService {
        private final int most;
        private final SimThreadFactory factory;
        private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();
        private final List<SimThread> threads = new ArrayList<>();
        private final WaitQueue idle = new WaitQueue();
        private boolean shutdown;

        Pool(int most, SimThreadFactory factory) {
            this.most = most;
            this.factory = factory;
        }

        @Override
        protected <T> RunnableFuture<T> newTaskFor(Callable<T> task) {
            return new SimFutureTask<>(task);
        }

        @Override
        protected <T> RunnableFuture<T> newTaskFor(Runnable task, T result) {
            return new SimFutureTask<>(task, result);
        }

        @Override
        public void execute(Runnable task) {
            if (shutdown) {
                throw new RejectedExecutionException("it is shut down");
            }
            tasks.add(task);
            if (idle.isEmpty() && threads.size() < most) {
                SimThread thread = factory.newThread(this::work);
                threads.add(thread);
                thread.start();
            } else {
                idle.wakeOne();
            }
        }

        private void work() {
            while (true) {
                Runnable task = tasks.poll();
                if (task != null) {
                    task.run();
                } else if (shutdown) {
                    return;
                } else {
                    Scheduler.here().await(idle, Long.MAX_VALUE);
                }
            }
        }

        @Override
        public void shutdown() {
            shutdown = true;
            idle.wakeAll();
        }

        @Override
        public List<Runnable> shutdownNow() {
            List<Runnable> left = List.copyOf(tasks);
            tasks.clear();
            shutdown();
            threads.forEach(SimThread::interrupt);
            return left;
        }

        @Override
        public boolean isShutdown() {
            return shutdown;
        }

        @Override
        public boolean isTerminated() {
            return shutdown && threads.stream().noneMatch(SimThread::isAlive);
        }

        @Override
        public boolean awaitTermination(long time, TimeUnit unit) throws InterruptedException {
            long end = Scheduler.here().now() + unit.toNanos(time);
            for (SimThread thread : threads) {
                long leftMs = Math.max(1, (end - Scheduler.here().now()) / 1_000_000);
                thread.join(leftMs);
            }
            return isTerminated();
        }
    }
}
