package org.splitmem.cli;

import java.util.Collection;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.DataSize;
import org.splitmem.model.LatencyUs;

/** Numbers as people read them. Pure functions. */
final class Text {
    private Text() {}

    static String size(long bytes) {
        return DataSize.ofBytes(bytes).rounded();
    }

    static String sizeOrDash(@Nullable Long bytes) {
        return bytes == null ? "-" : size(bytes);
    }

    /** {@code 2.5 GiB (62%)}. */
    static String sizeAndShare(long bytes, long whole) {
        return whole == 0 ? size(bytes) : String.format(Locale.ROOT, "%s (%.0f%%)", size(bytes), 100.0 * bytes / whole);
    }

    static String latencies(LatencyUs us) {
        return us.count() == 0
                ? "none measured yet"
                : String.format(
                        Locale.ROOT,
                        "50%% %s, 90%% %s, 99%% %s, longest %s",
                        micros(us.p50()),
                        micros(us.p90()),
                        micros(us.p99()),
                        micros(us.max()));
    }

    /** {@code 25 us}, {@code 1.3 ms}, {@code 2.0 s}. */
    static String micros(double us) {
        if (us < 1000) {
            return String.format(Locale.ROOT, "%.0f us", us);
        }
        return us < 1_000_000
                ? String.format(Locale.ROOT, "%.1f ms", us / 1000)
                : String.format(Locale.ROOT, "%.1f s", us / 1_000_000);
    }

    static long sum(Collection<Long> values) {
        return values.stream().mapToLong(Long::longValue).sum();
    }
}
