package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.thread.Backoff;

/**
 * Attempts at the end of a migration: what is in the way of it, like a full file system, may pass. The report names what failed until it
 * has. Confined to the migration's thread.
 */
final class Attempts {
    private static final Logger log = LoggerFactory.getLogger(Attempts.class);

    /** Then the migration ends as it is, and upkeep does what is left to do. */
    private static final int MOST = 5;

    /** From the first attempt to the second; doubled each time. */
    private static final long FIRST_PAUSE_NS = 500_000_000L;

    private final UUID vm;
    private final String migration;
    private final MigrationReport report;
    private @Nullable String logged;

    Attempts(UUID vm, String migration, MigrationReport report) {
        this.vm = vm;
        this.migration = migration;
        this.report = report;
    }

    /** What is attempted: an attempt may find done what an earlier one did before it failed. */
    interface Ending {
        void run() throws IOException;
    }

    /** What is asked until there is an answer. */
    interface Question<A> {
        A ask() throws IOException;
    }

    /** Returns after the first attempt that does not fail, or the last. @return why that failed; null if it did not */
    @Nullable
    Exception make(Ending ending) {
        Backoff backoff = new Backoff(FIRST_PAUSE_NS, FIRST_PAUSE_NS << MOST);
        for (int attempt = 1; ; attempt++) {
            try {
                ending.run();
                return null;
            } catch (IOException | RuntimeException e) {
                if (attempt == MOST) {
                    log.error("vm={} migration={} {} attempts to end it failed", vm, migration, attempt, e);
                    return e;
                }
                failed("to end it", e);
            }
            LockSupport.parkNanos(backoff.failed());
        }
    }

    /** Makes as many attempts as it takes to find out where the guest is. */
    <A> A untilKnown(Question<A> where) {
        while (true) {
            try {
                return where.ask();
            } catch (IOException | RuntimeException e) {
                failed("to find out where the guest is", e);
            }
            LockSupport.parkNanos(FIRST_PAUSE_NS);
        }
    }

    private void failed(String what, Exception failure) {
        if (!failure.toString().equals(logged)) { // it may fail in the same way for hours
            logged = failure.toString();
            log.error("vm={} migration={} an attempt {} failed", vm, migration, what, failure);
        }
        report.stalled("an attempt " + what + " failed, and is made again: " + failure.getMessage());
    }
}
