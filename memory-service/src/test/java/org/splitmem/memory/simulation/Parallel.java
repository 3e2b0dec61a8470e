package org.splitmem.memory.simulation;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Simulations at the same time: nearly all of each is waiting. */
final class Parallel {
    private static final int AT_ONCE = 6;

    private Parallel() {}

    /** Runs all of them. @throws AssertionError naming those that failed, and why */
    static void run(Map<String, Callable<Boolean>> simulations) throws InterruptedException {
        ExecutorService workers = Executors.newFixedThreadPool(AT_ONCE);
        Map<String, Future<Boolean>> running = new LinkedHashMap<>();
        simulations.forEach((name, simulation) -> running.put(name, workers.submit(simulation)));
        workers.shutdown();
        List<String> failures = new ArrayList<>();
        List<Throwable> causes = new ArrayList<>();
        for (Map.Entry<String, Future<Boolean>> one : running.entrySet()) {
            try {
                one.getValue().get();
            } catch (ExecutionException e) {
                failures.add(one.getKey() + ": " + e.getCause());
                causes.add(e.getCause());
            }
        }
        if (!failures.isEmpty()) {
            AssertionError all = new AssertionError(
                    failures.size() + " of " + running.size() + " failed:\n" + String.join("\n", failures));
            causes.forEach(all::addSuppressed);
            throw all;
        }
    }
}
