package org.splitmem.bridge.daemon;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Remembers for some seconds which hosts kept somebody waiting in vain, so that not all have to wait for them.
 *
 * <p>What fails at once, as a daemon that is just started anew, costs nobody anything and is not remembered. Any thread.
 */
final class SlowHosts {
    private static final long SLOW_NS = TimeUnit.SECONDS.toNanos(1);
    private static final long REMEMBERED_NS = TimeUnit.SECONDS.toNanos(5);

    private record Failure(HostReport report, long atNs) {}

    private final LongSupplier nanos;
    private final Map<String, Failure> failures = new ConcurrentHashMap<>();

    /** @param nanos as {@link System#nanoTime} */
    SlowHosts(LongSupplier nanos) {
        this.nanos = nanos;
    }

    /** The answer to the question, or at once the error of a moment ago. When that is over one caller asks, the others are told the error still. */
    HostReport ask(String host, Supplier<HostReport> question) {
        Failure last = failures.get(host);
        long start = nanos.getAsLong();
        if (last != null && !(isOver(last, start) && failures.replace(host, last, new Failure(last.report(), start)))) {
            return last.report();
        }
        HostReport report = question.get();
        long end = nanos.getAsLong();
        if (report.info() == null && end - start > SLOW_NS) {
            failures.put(host, new Failure(report, end));
        } else {
            failures.remove(host);
        }
        return report;
    }

    private static boolean isOver(Failure last, long nowNs) {
        return nowNs - last.atNs() >= REMEMBERED_NS;
    }
}
