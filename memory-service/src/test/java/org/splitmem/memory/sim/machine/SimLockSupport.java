package org.splitmem.memory.sim.machine;

import org.jspecify.annotations.Nullable;

/** {@link java.util.concurrent.locks.LockSupport} for simulated code. */
public final class SimLockSupport {
    private SimLockSupport() {}

    public static void park(Object blocker) {
        park();
    }

    public static void park() {
        await(Long.MAX_VALUE);
    }

    public static void parkNanos(Object blocker, long ns) {
        parkNanos(ns);
    }

    public static void parkNanos(long ns) {
        if (ns > 0) {
            long until = SimThread.currentThread().scheduler().now() + ns;
            await(until < 0 ? Long.MAX_VALUE : until);
        }
    }

    private static void await(long until) {
        SimThread self = SimThread.currentThread();
        if (!self.takePermit() && !self.isInterrupted()) {
            self.scheduler().await(null, until);
            self.takePermit();
        }
    }

    public static void unpark(@Nullable SimThread thread) {
        if (thread != null) {
            thread.givePermit();
        }
    }
}
