package org.splitmem.memory.migration;

import java.io.IOException;

/**
 * Waits for what a migration's destination has to confirm, for a limited time each: its host answers for the connection although its daemon is
 * stopped, or hangs. Any thread, but one at a time for each kind.
 */
final class Confirmations {
    /** As long as the destination may take to answer anything else. */
    private static final long LIMIT_NS = Signals.seconds(30);

    private final MigrationTask task;
    private final Signals signals;
    private final long limitNs;

    Confirmations(MigrationTask task, Signals signals) {
        this(task, signals, LIMIT_NS);
    }

    Confirmations(MigrationTask task, Signals signals, long limitNs) {
        this.task = task;
        this.signals = signals;
        this.limitNs = limitNs;
    }

    /**
     * Until the destination has freed what was given back: a page that is sent before could be freed after it has arrived.
     *
     * @throws IOException also if the migration must not go on
     */
    void awaitFreed(ControlLink control, PreCopy.Migration migration) throws IOException {
        boolean inTime = signals.await(() -> control.isFlushed() || migration.mustStop(), limitNs);
        migration.check();
        if (!inTime) {
            throw late("that it has freed the pages that went back to sub-hosts");
        }
    }

    /**
     * Until every chunk is open at the destination, which has been told the dirty pages of all, unless its connection ends before.
     *
     * @return false if it has ended
     * @throws IOException if it does not say so in time
     */
    boolean awaitOpened(ControlLink control) throws IOException {
        boolean inTime = signals.await(() -> control.hasOpened() || control.broken() != null, limitNs);
        if (!inTime) {
            throw late("that it has opened all chunks of RAM");
        }
        return control.hasOpened();
    }

    private IOException late(String what) {
        String host = task.destination().name();
        return new IOException(host + " has not confirmed within " + limitNs / 1_000_000_000 + " s " + what
                + "; see whether splitmemd hangs there, and its log");
    }
}
