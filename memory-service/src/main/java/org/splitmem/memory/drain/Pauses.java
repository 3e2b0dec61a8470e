package org.splitmem.memory.drain;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/** When each may be asked again: soon after an answer, and later and later after failures. Any thread. */
final class Pauses<K> {
    private static final long SHORTEST_NS = TimeUnit.SECONDS.toNanos(2);
    /** The pause doubles up to sixteen times the shortest. */
    private static final int MOST_DOUBLINGS = 4;

    private record Pause(long untilNs, int failures) {}

    private final Map<K, Pause> pauses = new HashMap<>(); // guarded by this

    synchronized boolean isOver(K key, long nowNs) {
        Pause pause = pauses.get(key);
        return pause == null || nowNs - pause.untilNs() >= 0;
    }

    synchronized void succeeded(K key, long nowNs) {
        pauses.put(key, new Pause(nowNs + SHORTEST_NS, 0));
    }

    synchronized void failed(K key, long nowNs) {
        Pause before = pauses.get(key);
        int failures = before == null ? 0 : before.failures();
        pauses.put(key, new Pause(nowNs + (SHORTEST_NS << Math.min(failures, MOST_DOUBLINGS)), failures + 1));
    }

    /** All may be asked at once. */
    synchronized void end() {
        pauses.clear();
    }

    synchronized void keepOnly(Set<K> keys) {
        pauses.keySet().retainAll(keys);
    }
}
