package org.splitmem.memory.migration;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.qmp.QmpEvent;

/**
 * What other threads tell a migration's thread: the hypervisor's events, a wish to abort, news on the control link.
 *
 * <p>QEMU reports every migration alike, to another host or to a file. Only one that begins while RAM is left out of the stream is
 * the hypervisor's part of ours: none other can be under way then, see {@link HypervisorMigration#leaveRamOut}. Any other takes
 * the RAM along and is none of a split migration's business.
 */
final class Signals {
    /** How far the hypervisor's part of this migration has come. */
    enum Hypervisor {
        IDLE,
        ACTIVE,
        /** vCPUs stopped, I/O drained: RAM no longer changes. */
        SWITCHOVER,
        COMPLETED,
        /** It failed or was cancelled: the guest runs here, or will in a moment. */
        FAILED
    }

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private Hypervisor hypervisor = Hypervisor.IDLE;
    private long stoppedUs;
    private boolean resumedHere;
    private boolean expected;
    private boolean ending;
    private boolean qemuGone;
    private boolean arrived;
    private boolean complete;
    private @Nullable String abort;

    void onQmp(QmpEvent event) {
        lock.lock();
        try {
            switch (event.name()) {
                case "STOP" -> stoppedUs = event.timestampUs();
                // Before the switch-over it is the operator who stops and resumes the guest, and QEMU goes on
                // migrating.
                case "RESUME" -> resumedHere = resumedHere || isSwitchedOver();
                case "MIGRATION" -> onMigrationStatus(event.status());
                case "SHUTDOWN" -> ending = true;
                default -> {
                    return;
                }
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private boolean isSwitchedOver() {
        return hypervisor == Hypervisor.SWITCHOVER || hypervisor == Hypervisor.COMPLETED;
    }

    private void onMigrationStatus(String status) {
        if (!expected) {
            return;
        }
        switch (status) {
            case "setup", "active" -> {
                if (hypervisor == Hypervisor.IDLE || hypervisor == Hypervisor.FAILED) {
                    hypervisor = Hypervisor.ACTIVE;
                    resumedHere = false;
                    stoppedUs = 0;
                }
            }
            case "pre-switchover" -> hypervisor = Hypervisor.SWITCHOVER;
            case "completed" -> hypervisor = Hypervisor.COMPLETED;
            case "failed", "cancelled" -> hypervisor = Hypervisor.FAILED;
            default -> {} // device, cancelling: nothing follows from them
        }
    }

    /** @param now whether a migration that QEMU begins from here on is the hypervisor's part of this one */
    void expect(boolean now) {
        lock.lock();
        try {
            expected = now;
        } finally {
            lock.unlock();
        }
    }

    /** QEMU closed its monitor: it has exited, or soon will. */
    void qemuGone() {
        lock.lock();
        try {
            qemuGone = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** The destination has every page. */
    void arrived() {
        lock.lock();
        try {
            arrived = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    boolean hasArrived() {
        lock.lock();
        try {
            return arrived;
        } finally {
            lock.unlock();
        }
    }

    /** QEMU was told to end, or its guest has shut down: what fails from then on may fail for that. It may stay, for a reboot. */
    boolean isEnding() {
        lock.lock();
        try {
            return ending;
        } finally {
            lock.unlock();
        }
    }

    boolean isQemuGone() {
        lock.lock();
        try {
            return qemuGone;
        } finally {
            lock.unlock();
        }
    }

    void abort(String reason) {
        lock.lock();
        try {
            if (abort == null) {
                abort = reason;
            }
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** No further round is to be waited for. */
    void complete() {
        lock.lock();
        try {
            complete = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    boolean mustComplete() {
        lock.lock();
        try {
            return complete;
        } finally {
            lock.unlock();
        }
    }

    /** Something changed elsewhere that the migration's thread looks at itself. */
    void changed() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Condition over the state of this object and whatever else it captures. */
    interface Test {
        boolean holds();
    }

    /** Waits until the test holds or the time is over. @return whether it held */
    boolean await(Test test, long timeoutNs) {
        long leftNs = timeoutNs;
        lock.lock();
        try {
            while (!test.holds()) {
                if (leftNs <= 0) {
                    return false;
                }
                leftNs = changed.awaitNanos(leftNs);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            lock.unlock();
        }
    }

    static long seconds(long s) {
        return TimeUnit.SECONDS.toNanos(s);
    }

    Hypervisor hypervisor() {
        lock.lock();
        try {
            return hypervisor;
        } finally {
            lock.unlock();
        }
    }

    /** The guest runs at the source again after it was stopped: the destination never will. */
    boolean resumedHere() {
        lock.lock();
        try {
            return resumedHere;
        } finally {
            lock.unlock();
        }
    }

    /** When the vCPUs stopped, microseconds since 1970; 0 if they did not. */
    long stoppedUs() {
        lock.lock();
        try {
            return stoppedUs;
        } finally {
            lock.unlock();
        }
    }

    @Nullable
    String abortReason() {
        lock.lock();
        try {
            return abort;
        } finally {
            lock.unlock();
        }
    }

    /** Why a migration is given up that failed like this: because somebody asked for it, if somebody did. */
    String reasonFor(Throwable failure) {
        String asked = abortReason();
        return asked != null ? asked : String.valueOf(failure.getMessage());
    }
}
