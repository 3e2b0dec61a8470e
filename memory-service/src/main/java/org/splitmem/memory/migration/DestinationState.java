package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How far one migration has come at its destination, for its source: reported on the control link, and once that has ended, asked
 * for. Any thread.
 */
final class DestinationState implements HypervisorMigration.Destination {
    private static final Logger log = LoggerFactory.getLogger(DestinationState.class);

    private final UUID vm;
    private final MigrationTask task;
    private final ControlLink link;
    private final PeerHosts peers;
    private final MigrationReport report;
    private @Nullable String trouble; // the asking thread's

    /** @param report in which a destination that does not answer is named */
    DestinationState(UUID vm, MigrationTask task, ControlLink link, PeerHosts peers, MigrationReport report) {
        this.report = report;
        this.vm = vm;
        this.task = task;
        this.link = link;
        this.peers = peers;
    }

    @Override
    public boolean isRunning() {
        return link.resumedUs() > 0;
    }

    @Override
    public boolean isDecided() {
        return isRunning() || link.hasLoaded() || link.hasQemuEnded() || link.broken() != null;
    }

    /** Asks only if the control link has ended. */
    @Override
    public PeerHosts.Arrival arrival() {
        if (isRunning()) {
            return PeerHosts.Arrival.OWNED;
        }
        if (link.hasQemuEnded()) {
            return PeerHosts.Arrival.ABSENT;
        }
        if (link.hasLoaded()) {
            return PeerHosts.Arrival.LOADED;
        }
        return link.broken() == null ? PeerHosts.Arrival.AWAITED : ask();
    }

    private PeerHosts.Arrival ask() {
        try {
            PeerHosts.Arrival arrival =
                    peers.arrival(task.destination(), vm, task.source().token(), task.epoch());
            setTrouble(null);
            return arrival;
        } catch (IOException e) {
            setTrouble("only " + task.destination().name() + " can say whether the guest is there: " + e.getMessage());
            return PeerHosts.Arrival.AWAITED;
        }
    }

    private void setTrouble(@Nullable String now) {
        if (!Objects.equals(trouble, now)) {
            trouble = now;
            report.stalled(now);
            log.warn("vm={} migration={} {}", vm, task.id(), now == null ? "the destination answers again" : now);
        }
    }
}
