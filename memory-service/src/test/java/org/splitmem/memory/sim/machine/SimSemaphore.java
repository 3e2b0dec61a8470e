package org.splitmem.memory.sim.machine;

/** {@link java.util.concurrent.Semaphore} for simulated code that never waits for it. */
public final class SimSemaphore {
    private int permits;

    public SimSemaphore(int permits) {
        this.permits = permits;
    }

    public boolean tryAcquire() {
        if (permits == 0) {
            return false;
        }
        permits--;
        return true;
    }

    public void release() {
        permits++;
    }
}
