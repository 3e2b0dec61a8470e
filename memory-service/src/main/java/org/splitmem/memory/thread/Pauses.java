package org.splitmem.memory.thread;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * When each of some hosts or VMs may be tried again of which something failed: after 2 s, and later and later, up to 32 s. Whatever upkeep
 * tries again goes by this. Any thread.
 */
public final class Pauses<K> {
    private static final long SHORTEST_NS = TimeUnit.SECONDS.toNanos(2);
    private static final long LONGEST_NS = TimeUnit.SECONDS.toNanos(32);

    private record Pause(long untilNs, Backoff backoff) {}

    private final Map<K, Pause> pauses = new HashMap<>(); // guarded by this

    public synchronized boolean isOver(K key, long nowNs) {
        Pause pause = pauses.get(key);
        return pause == null || nowNs - pause.untilNs() >= 0;
    }

    /** It has answered, yes or no: it is asked again after the shortest pause. */
    public synchronized void answered(K key, long nowNs) {
        pauses.put(key, new Pause(nowNs + SHORTEST_NS, new Backoff(SHORTEST_NS, LONGEST_NS)));
    }

    /** The pause is twice as long as the one before. */
    public synchronized void failed(K key, long nowNs) {
        Pause before = pauses.get(key);
        Backoff backoff = before == null ? new Backoff(SHORTEST_NS, LONGEST_NS) : before.backoff();
        pauses.put(key, new Pause(nowNs + backoff.failed(), backoff));
    }

    /** There is something new to ask for: it may be asked at once, unless it did not answer. */
    public synchronized void endIfAnswered(K key) {
        pauses.computeIfPresent(key, (same, pause) -> pause.backoff().isReset() ? null : pause);
    }

    /** It may be asked at once, and has never failed. */
    public synchronized void end(K key) {
        pauses.remove(key);
    }

    /** All may be asked at once. */
    public synchronized void end() {
        pauses.clear();
    }

    public synchronized void keepOnly(Set<K> keys) {
        pauses.keySet().retainAll(keys);
    }
}
