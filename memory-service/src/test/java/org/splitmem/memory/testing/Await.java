package org.splitmem.memory.testing;

import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;

/** Waits for conditions, never for a time. */
public final class Await {
    private static final long LIMIT_S = 20;
    private static final long STEP_NS = 1_000_000L;

    private Await() {}

    /** Waits until the condition holds. @throws AssertionError if it does not within 20 s */
    public static void until(String what, Callable<Boolean> condition) throws Exception {
        within(LIMIT_S, what, condition);
    }

    /** The same with a limit of its own, for what takes a busy machine long. */
    public static void within(long seconds, String what, Callable<Boolean> condition) throws Exception {
        long endNs = System.nanoTime() + seconds * 1_000_000_000L;
        while (!condition.call()) {
            if (System.nanoTime() > endNs) {
                throw new AssertionError("not within " + seconds + " s: " + what);
            }
            LockSupport.parkNanos(STEP_NS);
        }
    }
}
