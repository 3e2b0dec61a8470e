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
    /** The pause doubles up to sixteen times the shortest. */
    private static final int MOST_DOUBLINGS = 4;

    private record Pause(long untilNs, int failures) {}

    private final Map<K, Pause> pauses = new HashMap<>(); // guarded by this

    public synchronized boolean isOver(K key, long nowNs) {
        Pause pause = pauses.get(key);
        return pause == null || nowNs - pause.untilNs() >= 0;
    }

    /** It has answered, yes or no: it is asked again after the shortest pause. */
    public synchronized void answered(K key, long nowNs) {
        pauses.put(key, new Pause(nowNs + SHORTEST_NS, 0));
    }

    /** The pause is twice as long as the one before. */
    public synchronized void failed(K key, long nowNs) {
        Pause before = pauses.get(key);
        int failures = before == null ? 0 : before.failures();
        pauses.put(key, new Pause(nowNs + (SHORTEST_NS << Math.min(failures, MOST_DOUBLINGS)), failures + 1));
    }

    /** There is something new to ask for: it may be asked at once, unless it did not answer. */
    public synchronized void endIfAnswered(K key) {
        pauses.computeIfPresent(key, (same, pause) -> pause.failures() == 0 ? null : pause);
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
