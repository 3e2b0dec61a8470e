package org.splitmem.systemtests;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** Waiting for a condition, with a limit. What the condition throws counts as "not yet", and is told if it stays so. */
final class Await {
    private static final long PAUSE_NS = 50_000_000L;

    private Await() {}

    static void until(String what, Duration limit, BooleanSupplier condition) {
        value(what, limit, condition::getAsBoolean, met -> met);
    }

    /** @return the first value that is as wanted */
    static <T> T value(String what, Duration limit, Supplier<T> source, Predicate<T> wanted) {
        long endNs = System.nanoTime() + limit.toNanos();
        while (true) {
            T value = null;
            RuntimeException thrown = null;
            try {
                value = source.get();
                if (wanted.test(value)) {
                    return value;
                }
            } catch (RuntimeException e) {
                thrown = e;
            }
            if (System.nanoTime() > endNs) {
                throw new AssertionError(
                        "gave up after " + limit.toSeconds() + " s: " + what + "; last seen: " + value, thrown);
            }
            LockSupport.parkNanos(PAUSE_NS);
            if (Thread.interrupted()) {
                throw new AssertionError("interrupted while waiting: " + what);
            }
        }
    }
}
