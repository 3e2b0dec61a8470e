package org.splitmem.memory.migration;

import java.util.concurrent.TimeUnit;

/**
 * The call of libvirt that a migration from here needs. Whoever was told that it is time may have made it when the migration is aborted: it
 * then reaches libvirt's hook at the destination as one that nobody has announced, and must not begin another migration there. Any thread.
 */
final class HypervisorCall {
    /** What a call may take from its caller to the hook, generously. */
    private static final long ON_ITS_WAY_NS = TimeUnit.SECONDS.toNanos(30);

    // Guarded by this.
    private boolean expected;
    private boolean answered;

    /** Somebody was told that it is time, or the hook asks already. */
    synchronized void expected() {
        expected = true;
    }

    /** The hook knows: it has let QEMU be started, or was told that the migration is over. */
    synchronized void answered() {
        answered = true;
    }

    /**
     * Whether a call that reaches the hook now is that of the migration. True once at most: the next one is another.
     *
     * @param sinceNs how long ago the migration was aborted
     */
    synchronized boolean isLate(long sinceNs) {
        boolean late = expected && !answered && sinceNs < ON_ITS_WAY_NS;
        answered = true;
        return late;
    }
}
