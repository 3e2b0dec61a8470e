package org.splitmem.memory.sim.machine;

import java.util.Date;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/** {@link java.util.concurrent.locks.ReentrantLock} for simulated code: this object's monitor. */
public final class SimReentrantLock implements Lock {
    @Override
    public void lock() {
        Monitors.enter(this);
    }

    @Override
    public void unlock() {
        Monitors.exit(this);
    }

    public boolean isHeldByCurrentThread() {
        return Monitors.isHeld(this);
    }

    @Override
    public Condition newCondition() {
        return new Signal();
    }

    @Override
    public void lockInterruptibly() {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean tryLock() {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean tryLock(long time, TimeUnit unit) {
        throw new UnsupportedOperationException();
    }

    /** All conditions of a lock share its monitor: a thread that is waked for another's sake looks, and waits again. */
    @SuppressWarnings("WaitNotInLoop") // who waits looks again
    private final class Signal implements Condition {
        @Override
        public void await() throws InterruptedException {
            Monitors.await(SimReentrantLock.this);
        }

        @Override
        public boolean await(long time, TimeUnit unit) throws InterruptedException {
            return awaitNanos(unit.toNanos(time)) > 0;
        }

        @Override
        public long awaitNanos(long ns) throws InterruptedException {
            Scheduler scheduler = Scheduler.here();
            long end = scheduler.now() + ns;
            Monitors.await(SimReentrantLock.this, end < 0 ? 0 : Math.max(1, (ns + 999_999) / 1_000_000));
            return end < 0 ? ns : end - scheduler.now();
        }

        @Override
        public void signal() {
            signalAll();
        }

        @Override
        public void signalAll() {
            Monitors.signalAll(SimReentrantLock.this);
        }

        @Override
        public void awaitUninterruptibly() {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean awaitUntil(Date deadline) {
            throw new UnsupportedOperationException();
        }
    }
}
