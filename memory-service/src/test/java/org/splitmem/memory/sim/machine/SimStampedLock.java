package org.splitmem.memory.sim.machine;

/** {@link java.util.concurrent.locks.StampedLock} for simulated code: its two simple modes. */
public final class SimStampedLock {
    private final WaitQueue waiting = new WaitQueue();
    private int readers;
    private boolean writing;
    private long stamp = 256;

    public long readLock() {
        Scheduler scheduler = Scheduler.here();
        scheduler.point();
        while (writing) {
            scheduler.await(waiting, Long.MAX_VALUE);
        }
        readers++;
        return ++stamp;
    }

    public void unlockRead(long of) {
        if (readers <= 0) {
            throw new IllegalMonitorStateException();
        }
        readers--;
        waiting.wakeAll();
    }

    public long writeLock() {
        Scheduler scheduler = Scheduler.here();
        scheduler.point();
        while (writing || readers > 0) {
            scheduler.await(waiting, Long.MAX_VALUE);
        }
        writing = true;
        return ++stamp;
    }

    public void unlockWrite(long of) {
        if (!writing) {
            throw new IllegalMonitorStateException();
        }
        writing = false;
        waiting.wakeAll();
    }
}
