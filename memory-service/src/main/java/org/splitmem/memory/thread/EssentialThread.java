package org.splitmem.memory.thread;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A thread that something depends on for as long as it lasts. It does one round after the other; after one that fails, for want of
 * memory or descriptors say, it pauses and goes on.
 *
 * <p>Any other {@link Error} ends it, and with it the daemon: see {@link LastResort}.
 */
public final class EssentialThread {
    private static final Logger log = LoggerFactory.getLogger(EssentialThread.class);
    private static final long FIRST_PAUSE_NS = TimeUnit.MILLISECONDS.toNanos(10);
    static final long LAST_PAUSE_NS = TimeUnit.SECONDS.toNanos(1);

    private final String what;
    private final Round round;
    private final Thread thread;
    private final Trouble trouble = new Trouble(3 * LAST_PAUSE_NS);
    private volatile boolean ended;

    /** What is done again and again. */
    public interface Round {
        /** @return false if there is nothing more to do */
        boolean go() throws IOException;
    }

    /**
     * @param name of the thread
     * @param what it does, as the subject of a sentence: "the data port"
     */
    public EssentialThread(String name, String what, Round round) {
        this.what = what;
        this.round = round;
        this.thread = new Thread(this::run, name);
        thread.setDaemon(true);
    }

    public void start() {
        thread.start();
    }

    private void run() {
        Backoff backoff = new Backoff(FIRST_PAUSE_NS, LAST_PAUSE_NS);
        while (!ended) {
            try {
                if (!round.go()) {
                    return;
                }
                backoff.succeeded();
            } catch (IOException | RuntimeException | OutOfMemoryError e) {
                if (!ended) {
                    failed(e, backoff.failed());
                }
            }
        }
    }

    private void failed(Throwable why, long pauseNs) {
        if (trouble.isNews(what + " fails: " + why.getMessage())) {
            log.error("{} fails, and goes on after a pause", what, why);
        }
        long endNs = System.nanoTime() + pauseNs;
        for (long leftNs = pauseNs; leftNs > 0 && !ended; leftNs = endNs - System.nanoTime()) {
            LockSupport.parkNanos(leftNs);
        }
    }

    /** What fails at present; null if nothing does. Any thread. */
    public @Nullable String trouble() {
        return trouble.now();
    }

    /** Ends it after its round, or at once if it pauses. The caller wakes a round that waits. Any thread. */
    public void end() {
        ended = true;
        LockSupport.unpark(thread);
    }

    /** @return whether it has ended within that time; 0: no limit */
    public boolean join(long ms) throws InterruptedException {
        thread.join(ms);
        return !thread.isAlive();
    }
}
