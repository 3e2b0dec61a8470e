package org.splitmem.bridge.nova;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.http.Deadline;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;

/**
 * An answer that holds for a while. What is older is never given out: if it cannot be renewed, that is the caller's error.
 *
 * <p>Any thread: one asks, those that need the answer meanwhile wait for the same one, so that none waits longer than one question takes.
 */
public final class Cached<T> {
    /** Asks a service. */
    public interface Question<T> {
        T ask() throws ServiceException;
    }

    private record Known<T>(T value, long atNs) {}

    private final Question<T> question;
    private final long holdsNs;
    private final LongSupplier nanos;
    private @Nullable Known<T> known; // guarded by this
    private @Nullable CompletableFuture<T> asking; // guarded by this

    /** @param nanos as {@link System#nanoTime} */
    public Cached(Question<T> question, Duration holds, LongSupplier nanos) {
        this.question = question;
        this.holdsNs = holds.toNanos();
        this.nanos = nanos;
    }

    public T get() throws ServiceException {
        CompletableFuture<T> mine = new CompletableFuture<>();
        CompletableFuture<T> anothers;
        synchronized (this) {
            if (known != null && nanos.getAsLong() - known.atNs() < holdsNs) {
                return known.value();
            }
            anothers = asking;
            asking = anothers == null ? mine : anothers;
        }
        return anothers == null ? askForAll(mine) : await(anothers);
    }

    private T askForAll(CompletableFuture<T> answer) throws ServiceException {
        long askedNs = nanos.getAsLong(); // what the answer says may be as old as the question
        try {
            T fresh = question.ask();
            synchronized (this) {
                known = new Known<>(fresh, askedNs);
            }
            answer.complete(fresh);
            return fresh;
        } catch (ServiceException | RuntimeException e) {
            answer.completeExceptionally(e);
            throw e;
        } finally {
            synchronized (this) {
                asking = null;
            }
        }
    }

    private T await(CompletableFuture<T> answer) throws ServiceException {
        try {
            return Deadline.await("Nova", answer);
        } catch (CompletionException e) {
            if (e.getCause() instanceof ServiceException failure) {
                if (failure.kind() == Kind.LATE) { // for the request of the thread that asked
                    return get();
                }
                throw failure;
            }
            throw new IllegalStateException(e.getCause());
        }
    }
}
