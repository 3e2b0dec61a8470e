package org.splitmem.memory.linux;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Connections that have not shown yet what they want: so many of one peer, and each for so long, however slowly its bytes come. A peer
 * that opens thousands of them keeps no other one out. Any thread.
 */
public final class Handshakes implements AutoCloseable {
    private final long limitMs;
    private final ScheduledThreadPoolExecutor clock;
    private final Map<String, Integer> byPeer = new HashMap<>(); // guarded by itself

    /** One of them. */
    public final class Handshake implements AutoCloseable {
        private final String peer;
        private final Future<?> tooSlow;

        private Handshake(String peer, Runnable whenTooSlow) {
            this.peer = peer;
            this.tooSlow = clock.schedule(whenTooSlow, limitMs, TimeUnit.MILLISECONDS);
        }

        /** Begins a thread for it, or counts it no more if there is none to be had. */
        public void start(String threadName, Runnable task) {
            boolean started = false;
            try {
                Thread thread = new Thread(task, threadName);
                thread.setDaemon(true);
                thread.start();
                started = true;
            } finally {
                if (!started) {
                    close();
                }
            }
        }

        /** It is through: from now on it may take its time. It still counts as one of its peer. */
        public void through() {
            tooSlow.cancel(false);
        }

        /** It counts no more. */
        @Override
        public void close() {
            through();
            forget(peer);
        }
    }

    /**
     * @param name of the thread that watches the time
     * @param limitMs for the whole of each
     */
    public Handshakes(String name, long limitMs) {
        this.limitMs = limitMs;
        this.clock = new ScheduledThreadPoolExecutor(1, task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        });
        clock.setRemoveOnCancelPolicy(true);
    }

    /** For the whole of each. */
    public long limitMs() {
        return limitMs;
    }

    /**
     * @param peer whose connections are counted together
     * @param most of it at once
     * @param whenTooSlow ends the connection; must not wait, as it is run on the thread of all
     * @return null if there are as many already
     */
    public @Nullable Handshake begin(String peer, int most, Runnable whenTooSlow) {
        synchronized (byPeer) {
            int now = byPeer.getOrDefault(peer, 0);
            if (now >= most) {
                return null;
            }
            byPeer.put(peer, now + 1);
        }
        boolean begun = false;
        try {
            Handshake handshake = new Handshake(peer, whenTooSlow);
            begun = true;
            return handshake;
        } finally {
            if (!begun) { // the clock has no thread
                forget(peer);
            }
        }
    }

    private void forget(String peer) {
        synchronized (byPeer) {
            byPeer.computeIfPresent(peer, (of, number) -> number == 1 ? null : number - 1);
        }
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }
}
