package org.splitmem.memory.linux;

import java.util.concurrent.atomic.AtomicInteger;

/** An open file descriptor with one owner, who closes it once no other thread uses it any more. */
public final class Fd implements AutoCloseable {
    private static final int CLOSED = -1;

    private final AtomicInteger number;

    public Fd(int number) {
        if (number < 0) {
            throw new IllegalArgumentException("not a file descriptor: " + number);
        }
        this.number = new AtomicInteger(number);
    }

    /** @throws IllegalStateException if it was closed: a recycled number must never be used */
    public int number() {
        int n = number.get();
        if (n == CLOSED) {
            throw new IllegalStateException("file descriptor is closed");
        }
        return n;
    }

    /** Negative if it was closed. */
    int numberOrClosed() {
        return number.get();
    }

    public boolean isOpen() {
        return number.get() != CLOSED;
    }

    @Override
    public void close() {
        int n = number.getAndSet(CLOSED);
        if (n != CLOSED) {
            Unistd.closeQuietly(n);
        }
    }
}
