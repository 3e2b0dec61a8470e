package org.splitmem.memory.sim.machine;

import java.util.concurrent.TimeUnit;

/** {@link java.util.concurrent.CountDownLatch} for simulated code. */
public final class SimCountDownLatch {
    private final WaitQueue waiting = new WaitQueue();
    private long count;

    public SimCountDownLatch(int count) {
        this.count = count;
    }

    public void countDown() {
        if (count > 0 && --count == 0) {
            waiting.wakeAll();
        }
    }

    public long getCount() {
        return count;
    }

    public void await() throws InterruptedException {
        await(Long.MAX_VALUE / 2, TimeUnit.NANOSECONDS);
    }

    public boolean await(long time, TimeUnit unit) throws InterruptedException {
        SimThread self = SimThread.currentThread();
        long until = self.scheduler().now() + unit.toNanos(time);
        while (count > 0) {
            self.requireNotInterrupted();
            if (!self.scheduler().await(waiting, until)) {
                return count == 0;
            }
        }
        return true;
    }
}
