package org.splitmem.bridge.gate;

import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The threads on which requests wait for Keystone, Placement, hosts and the database.
 *
 * <p>Each kind of caller has its own, with a queue that has an end, so that no kind can take what another needs. A lane that is full refuses
 * at once ({@link java.util.concurrent.RejectedExecutionException}). Health needs none: it is answered where it is read.
 */
final class Lanes implements AutoCloseable {
    private static final int OPERATORS = 64;
    private static final int OPEN = 4;
    private static final int READINESS = 2;
    private static final int KEYSTONE = 16;
    private static final int QUEUE = 512;
    private static final long KEEP_S = 60;

    private final ThreadPoolExecutor operators = lane("operator", OPERATORS);
    private final ThreadPoolExecutor tenants;
    private final ThreadPoolExecutor open = lane("open", OPEN);
    private final ThreadPoolExecutor readiness = lane("readiness", READINESS);
    private final ThreadPoolExecutor keystone = lane("keystone", KEYSTONE);
    private final ThreadPoolExecutor keystoneForOperators = lane("keystone-operator", KEYSTONE);

    Lanes(int tenantThreads) {
        tenants = lane("tenant", tenantThreads);
    }

    private static ThreadPoolExecutor lane(String name, int threads) {
        ThreadPoolExecutor lane = new ThreadPoolExecutor(
                threads, threads, KEEP_S, TimeUnit.SECONDS, new ArrayBlockingQueue<>(QUEUE), task -> {
                    Thread thread = new Thread(task, name);
                    thread.setDaemon(true);
                    return thread;
                });
        lane.allowCoreThreadTimeOut(true);
        return lane;
    }

    /** Nova's own user, administrators, and whoever else the policy exempts from budgets. */
    Executor operators() {
        return operators;
    }

    Executor tenants() {
        return tenants;
    }

    /** What needs no token. The readiness check waits for other services, so it has threads apart from the metrics. */
    Executor open(Operation operation) {
        return operation == Operation.READINESS ? readiness : open;
    }

    /** @param knownOperator whether the token was an operator's when it was last looked at */
    Executor keystone(boolean knownOperator) {
        return knownOperator ? keystoneForOperators : keystone;
    }

    @Override
    public void close() {
        List.of(operators, tenants, open, readiness, keystone, keystoneForOperators)
                .forEach(ThreadPoolExecutor::shutdownNow);
    }
}
