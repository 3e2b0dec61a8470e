package org.splitmem.memory.sim.machine;

import java.util.ArrayList;
import java.util.List;

/** What has happened in a run: a number that two runs share only if every step of them was the same, and the lines of its story. */
public final class Trace {
    private static final long PRIME = 0x9E3779B97F4A7C15L;
    private static final int MOST_LINES = Integer.getInteger("sim.lines", 4_000);

    private final List<String> lines = new ArrayList<>();
    private long hash = 1;

    void mix(long a, long b) {
        hash = Long.rotateLeft(hash ^ a * PRIME, 29) * PRIME + b;
    }

    void event(long ns, String what) {
        mix(ns, what.hashCode());
        if (lines.size() < MOST_LINES) {
            lines.add(String.format("%10.3f ms  %s", ns / 1e6, what));
        }
    }

    public long hash() {
        return hash;
    }

    public List<String> lines() {
        return List.copyOf(lines);
    }
}
