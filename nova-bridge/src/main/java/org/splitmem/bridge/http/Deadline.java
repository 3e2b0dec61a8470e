package org.splitmem.bridge.http;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Until when the request that a thread works on has to be answered. Every call of another service waits no longer than that, whatever its own limit is.
 *
 * <p>Each thread has its own, or none; a thread that works for another one takes that's with it.
 */
public final class Deadline {
    private static final ThreadLocal<@Nullable Long> END_NS = new ThreadLocal<>();

    private Deadline() {}

    /** Ends what was begun here: then the deadline is again what it was before. */
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

    /** @param startNs by {@link System#nanoTime}, when the time began */
    public static Scope after(long startNs, Duration time) {
        return new Scope(startNs + time.toNanos());
    }

    /** None: what was begun has to be undone, however late it is. Each call has its service's own limit. */
    public static Scope lifted() {
        return new Scope(null);
    }

    /** For another thread; absent: there is none. */
    public static @Nullable Long current() {
        return END_NS.get();
    }

    /** That of another thread, as it had it from {@link #current}. */
    public static Scope of(@Nullable Long endNs) {
        return new Scope(endNs);
    }

    /** What is left of a limit. Zero or less: it is over. */
    static long leftMs(Duration limit) {
        Long endNs = END_NS.get();
        long limitMs = limit.toMillis();
        return endNs == null ? limitMs : Math.min(limitMs, TimeUnit.NANOSECONDS.toMillis(endNs - System.nanoTime()));
    }

    /**
     * Waits for what another thread has asked a service, no longer than there is time.
     *
     * @throws CompletionException if it failed
     */
    public static <T> T await(String service, CompletableFuture<T> answer) throws ServiceException {
        Long endNs = END_NS.get();
        if (endNs == null) {
            return answer.join();
        }
        try {
            return answer.get(Math.max(0, endNs - System.nanoTime()), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw ServiceException.late(service, service);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ServiceException(ServiceException.Kind.TIMEOUT, service + ": interrupted", e);
        } catch (ExecutionException e) {
            throw new CompletionException(e.getCause() == null ? e : e.getCause());
        }
    }

    /** @throws ServiceException if there is no time left to answer in */
    public static void check() throws ServiceException {
        if (isOver()) {
            throw ServiceException.late("nova-bridge", "nova-bridge");
        }
    }

    private static boolean isOver() {
        Long endNs = END_NS.get();
        return endNs != null && endNs - System.nanoTime() <= 0;
    }
}
