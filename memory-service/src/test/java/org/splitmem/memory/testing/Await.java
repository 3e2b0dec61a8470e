package org.splitmem.memory.testing;

import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;

/** Waits for conditions, never for a time. */
public final class Await {
    private static final long LIMIT_NS = 20_000_000_000L;
    private static final long STEP_NS = 1_000_000L;

    private Await() {}

    /** Waits until the condition holds. @throws AssertionError if it does not within 20 s */
    public static void until(String what, Callable<Boolean> condition) throws Exception {
        long endNs = System.nanoTime() + LIMIT_NS;
        while (!condition.call()) {
            if (System.nanoTime() > endNs) {
                throw new AssertionError("not within 20 s: " + what);
            }
            LockSupport.parkNanos(STEP_NS);
        }
    }
}
