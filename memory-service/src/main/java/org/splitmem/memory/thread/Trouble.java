package org.splitmem.memory.thread;

import org.jspecify.annotations.Nullable;

/** Something that goes wrong again and again. It is over when its finder has not told it for a time. Any thread. */
public final class Trouble {
    private final long lastsNs;

    // Guarded by this.
    private @Nullable String what;
    private long toldNs;

    /** @param lastsNs after which it is over if it is not told again */
    public Trouble(long lastsNs) {
        this.lastsNs = lastsNs;
    }

    /** Something went wrong. @return true if it did not just before */
    public synchronized boolean isNews(String trouble) {
        boolean isNews = now() == null;
        what = trouble;
        toldNs = System.nanoTime();
        return isNews;
    }

    /** Null if nothing goes wrong at present. */
    public synchronized @Nullable String now() {
        return what != null && System.nanoTime() - toldNs < lastsNs ? what : null;
    }
}
