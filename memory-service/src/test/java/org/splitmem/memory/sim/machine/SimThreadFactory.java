package org.splitmem.memory.sim.machine;

/** {@link java.util.concurrent.ThreadFactory} for simulated code. */
public interface SimThreadFactory {
    SimThread newThread(Runnable task);
}
