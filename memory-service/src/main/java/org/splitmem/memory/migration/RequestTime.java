package org.splitmem.memory.migration;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How long the caller of the request that a thread works on waits for the answer. Calls of other hosts that the request needs end before that,
 * whatever their own limits are and however many there are: else the caller takes for undecided what is then done after all.
 *
 * <p>Each thread has its own time, or none; a thread that works for another one takes over that thread's.
 */
public final class RequestTime {
    /** Of the header in HTTP: whole seconds. */
    public static final String HEADER = "X-Splitmem-Timeout";

    private static final int MOST_S = 600;
    private static final ThreadLocal<@Nullable Long> END_NS = new ThreadLocal<>();

    private RequestTime() {}

    /** At its end the thread has the time that it had before. */
    public static final class Scope implements AutoCloseable {
        private final @Nullable Long before = END_NS.get();

        private Scope(@Nullable Long endNs) {
            set(endNs);
        }

        private static void set(@Nullable Long endNs) {
            if (endNs == null) {
                END_NS.remove();
            } else {
                END_NS.set(endNs);
            }
        }

        @Override
        public void close() {
            set(before);
        }
    }

    /**
     * From now on this thread works on that request.
     *
     * @param startNs by {@link System#nanoTime}, when the request came
     * @param sent by its caller as {@link #HEADER}; absent: it waits for as long as it takes
     * @throws IllegalArgumentException if that is no time
     */
    public static Scope begin(long startNs, @Nullable String sent) {
        if (sent == null) {
            return new Scope(null);
        }
        if (!sent.matches("[0-9]{1,3}") || Integer.parseInt(sent) < 1 || Integer.parseInt(sent) > MOST_S) {
            throw new IllegalArgumentException(HEADER + ": seconds, from 1 to " + MOST_S);
        }
        return new Scope(startNs + Duration.ofSeconds(Integer.parseInt(sent)).toNanos());
    }

    /** When it ends, by {@link System#nanoTime}, for another thread; absent: never. */
    static @Nullable Long endNs() {
        return END_NS.get();
    }

    /** That of another thread, as it had it from {@link #endNs}. */
    static Scope until(@Nullable Long endNs) {
        return new Scope(endNs);
    }

    /** None: for what must not be cut short. Each call has its own limit. */
    static Scope lifted() {
        return new Scope(null);
    }

    /** What is left of a limit. Zero or less: the time is over. */
    public static Duration left(Duration limit) {
        Long endNs = END_NS.get();
        if (endNs == null) {
            return limit;
        }
        Duration left = Duration.ofNanos(endNs - System.nanoTime());
        return left.compareTo(limit) < 0 ? left : limit;
    }
}
