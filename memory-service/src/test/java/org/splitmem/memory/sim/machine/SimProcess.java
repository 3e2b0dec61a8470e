package org.splitmem.memory.sim.machine;

import java.util.ArrayList;
import java.util.List;

/** A process of a simulated host: threads and descriptors belong to one, and end with it. */
public final class SimProcess {
    private final String name;
    private final SimHostOs host;
    private final int pid;
    private final List<Runnable> whenKilled = new ArrayList<>();
    private boolean dead;

    SimProcess(String name, SimHostOs host, int pid) {
        this.name = name;
        this.host = host;
        this.pid = pid;
    }

    public String name() {
        return name;
    }

    SimHostOs host() {
        return host;
    }

    public int pid() {
        return pid;
    }

    public boolean isDead() {
        return dead;
    }

    void requireAlive() {
        if (dead) {
            throw new Killed(name);
        }
    }

    /** What the kernel does when it ends. */
    public void whenKilled(Runnable action) {
        whenKilled.add(action);
    }

    List<Runnable> die() {
        dead = true;
        return whenKilled;
    }

    @Override
    public String toString() {
        return name;
    }
}
