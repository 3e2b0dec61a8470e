package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.model.DataSize;

/**
 * Whether the last pages of a migration still leave the source. A handover that stands still is reported and never given up: the guest
 * runs at the destination, and its pages are here. Confined to the migration's thread.
 */
final class HandoverWatch {
    private static final Logger log = LoggerFactory.getLogger(HandoverWatch.class);

    /** Between two looks. */
    private static final long LOOK_NS = TimeUnit.SECONDS.toNanos(1);

    /** Between two lines of the log. */
    private static final long LOG_NS = TimeUnit.SECONDS.toNanos(10);

    private final UUID vm;
    private final MigrationTask task;
    private final int stallSeconds;
    private final Progress progress;
    private final MigrationReport report;

    private long gonePages;
    private long movedNs;
    private long loggedNs;
    private boolean stalled;

    /** @param stallSeconds without any page after which a handover stands still */
    HandoverWatch(
            UUID vm, MigrationTask task, int stallSeconds, Progress progress, MigrationReport report, long nowNs) {
        this.vm = vm;
        this.task = task;
        this.stallSeconds = stallSeconds;
        this.progress = progress;
        this.report = report;
        this.movedNs = nowNs;
        this.loggedNs = nowNs;
    }

    /**
     * Waits until the destination has every page, for as long as it takes.
     *
     * @param pushed pages that were sent since the migration began
     * @throws IOException if the thread is interrupted
     */
    void await(Signals signals, Signals.Test arrived, LongSupplier pushed) throws IOException {
        while (!signals.await(arrived, LOOK_NS)) {
            if (Thread.currentThread().isInterrupted()) {
                throw new IOException("interrupted in the handover");
            }
            look(pushed.getAsLong() + progress.fetchedPages(), System.nanoTime());
        }
    }

    /** @param pages that have left since the migration began, pushed or fetched */
    void look(long pages, long nowNs) {
        progress.sent(pages, nowNs); // the rate falls while nothing leaves
        if (pages != gonePages) {
            gonePages = pages;
            movedNs = nowNs;
            if (stalled) {
                stalled = false;
                report.stalled(null);
                log.info("vm={} migration={} the handover goes on", vm, task.id());
            }
        } else if (!stalled && nowNs - movedNs >= TimeUnit.SECONDS.toNanos(stallSeconds)) {
            stalled = true;
            String reason = stall();
            report.stalled(reason);
            log.warn("vm={} migration={} {}", vm, task.id(), reason);
        }
        if (nowNs - loggedNs >= LOG_NS) {
            loggedNs = nowNs;
            log.info("vm={} migration={} handover: {}", vm, task.id(), line());
        }
    }

    private String stall() {
        String destination = task.destination().name();
        return "the handover stands still: no page has left for " + destination + " for " + stallSeconds
                + " s (migration.handover-stall-seconds), " + left() + " are still here, where they stay until "
                + destination + " has them; see splitmemd's log there";
    }

    private String line() {
        Long eta = progress.etaSeconds();
        return left() + " left, " + DataSize.ofBytes(progress.bytesPerSecond()).rounded() + "/s, "
                + (eta == null ? "time left unknown" : eta + " s left");
    }

    private String left() {
        return DataSize.ofBytes(progress.remainingBytes()).rounded();
    }
}
