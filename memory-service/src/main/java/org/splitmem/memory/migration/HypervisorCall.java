package org.splitmem.memory.migration;

import java.util.concurrent.TimeUnit;

/**
 * The one call of libvirt that a migration from here needs. Its client makes it as soon as splitmemd lets it. If the migration is aborted
 * at that moment, the destination has forgotten it when libvirt runs the hook there: the hook must not begin another migration. Any thread.
 */
final class HypervisorCall {
    /** What a call may take from its caller to the hook, generously. */
    private static final long ON_ITS_WAY_NS = TimeUnit.SECONDS.toNanos(30);

    // Guarded by this.
    private boolean expected;
    private boolean answered;

    /** A client has read that it may call libvirt, or the hook has asked already. */
    synchronized void expected() {
        expected = true;
    }

    /** The hook has an answer: libvirt may start QEMU, or the migration is over. */
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
