package org.splitmem.memory.sim.machine;

import java.util.ArrayDeque;

/** Threads that wait for something, the first first. */
public final class WaitQueue {
    private final ArrayDeque<SimThread> threads = new ArrayDeque<>();

    void add(SimThread thread) {
        threads.add(thread);
    }

    void remove(SimThread thread) {
        threads.remove(thread);
    }

    boolean isEmpty() {
        return threads.isEmpty();
    }

    /** Makes the first runnable, if there is one. */
    void wakeOne() {
        SimThread first = threads.peekFirst();
        if (first != null) {
            first.wake();
        }
    }

    void wakeAll() {
        while (!threads.isEmpty()) {
            threads.getFirst().wake();
        }
    }
}
