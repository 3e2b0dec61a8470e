package org.splitmem.bridge.migration;

import java.time.Clock;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.MigrationStore;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.bridge.store.Progress;
import org.splitmem.bridge.store.Status;
import org.splitmem.bridge.store.Vm;
import org.splitmem.bridge.store.VmStore;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * Looks after the migrations that are not over, this bridge's and those of bridges that are gone, and ends them.
 *
 * <p>The daemons carry a migration on whether a bridge lives or not; this only finds out. Safe on several threads: who comes second changes nothing.
 */
public final class Follower {
    private static final Logger log = LoggerFactory.getLogger(Follower.class);

    /** How long a plan waits to be started. */
    static final Duration PLAN_LASTS = Duration.ofMinutes(10);
    /** How long choosing and booking may take before it counts as forsaken. */
    static final Duration PLANNING_LASTS = Duration.ofMinutes(2);
    /** How long a daemon may not know of a migration that it was asked to begin. */
    static final Duration BEGINNING_LASTS = Duration.ofSeconds(30);
    /** How long nothing may be heard of a migration before it is given up. */
    static final Duration SILENCE_LASTS = Duration.ofMinutes(10);

    private static final Set<ServiceException.Kind> NO_ANSWER = EnumSet.of(
            ServiceException.Kind.UNREACHABLE, ServiceException.Kind.TIMEOUT, ServiceException.Kind.TRUNCATED);

    static final String ABORT_ASKED = "aborted by a request to nova-bridge";
    static final String NOT_STARTED = "aborted before it was started";

    private final MigrationStore store;
    private final VmStore vms;
    private final Books books;
    private final Daemons daemons;
    private final Telemetry telemetry;
    private final Clock clock;
    /** When this bridge first heard nothing of a migration, by its id. */
    private final Map<String, Long> silentSince = new ConcurrentHashMap<>();

    public Follower(
            MigrationStore store, VmStore vms, Bookings bookings, Daemons daemons, Telemetry telemetry, Clock clock) {
        this.store = store;
        this.vms = vms;
        this.books = new Books(bookings, telemetry);
        this.daemons = daemons;
        this.telemetry = telemetry;
        this.clock = clock;
    }

    /** One look at all that are not over and that no other bridge is looking after. */
    public void step() {
        Map<String, ServiceException> silent = new HashMap<>();
        for (Migration migration : store.active()) {
            if (!store.lease(migration.id(), clock.millis())) {
                continue;
            }
            Caller.isPartOf(migration.requestId()); // Nova's request goes on in our log and in the daemons'
            switch (migration.status()) {
                case PLANNING -> {
                    if (isOlder(migration, PLANNING_LASTS)) {
                        giveUp(migration, Status.FAILED, "the bridge that planned it is gone");
                    }
                }
                case PLANNED -> {
                    if (migration.abortAsked()) { // while it was being planned
                        giveUp(migration, Status.ABORTED, NOT_STARTED);
                    } else if (isOlder(migration, PLAN_LASTS)) {
                        giveUp(migration, Status.EXPIRED, "not started within " + PLAN_LASTS.toMinutes() + " minutes");
                    }
                }
                case RUNNING -> follow(migration, silent);
                case COMPLETED, FAILED, ABORTED, EXPIRED -> {}
            }
        }
        Caller.isPartOf(null);
        silentSince
                .keySet()
                .removeIf(id -> store.find(id).map(m -> m.status().isOver()).orElse(true));
    }

    private boolean isOlder(Migration migration, Duration age) {
        return clock.millis() - migration.updatedMs() > age.toMillis();
    }

    /** Finds out how a running migration is. */
    void follow(Migration migration) {
        follow(migration, new HashMap<>());
    }

    /** @param silent sources that kept this round waiting in vain: of each only one migration does */
    private void follow(Migration migration, Map<String, ServiceException> silent) {
        try {
            Optional<MigrationInfo> found = atSource(migration, silent);
            if (found.isPresent()) {
                heard(migration, found.get());
            } else if (migration.daemonId() != null || isOlder(migration, BEGINNING_LASTS)) {
                notKnownAtSource(migration);
            }
        } catch (ServiceException e) {
            store.note(migration.id(), "cannot be followed: " + e.text());
            if (isSilent(migration)) {
                afterSilence(migration, e.text());
            }
        }
    }

    /** No bridge has heard of it for long, and this one has tried for as long: that bridges or the database were away tells nothing. */
    private boolean isSilent(Migration migration) {
        long since = silentSince.computeIfAbsent(migration.id(), id -> clock.millis());
        return isOlder(migration, SILENCE_LASTS) && clock.millis() - since > SILENCE_LASTS.toMillis();
    }

    private Optional<MigrationInfo> atSource(Migration migration, Map<String, ServiceException> silent)
            throws ServiceException {
        ServiceException earlier = silent.get(migration.source());
        if (earlier != null) {
            throw new ServiceException(earlier.kind(), "", "not asked, as in this round already " + earlier.text());
        }
        try {
            return atSource(migration);
        } catch (ServiceException e) {
            if (e.kind() == ServiceException.Kind.UNREACHABLE || e.kind() == ServiceException.Kind.TIMEOUT) {
                silent.put(migration.source(), e);
            }
            throw e;
        }
    }

    private Optional<MigrationInfo> atSource(Migration migration) throws ServiceException {
        if (migration.daemonId() != null) {
            return daemons.migration(migration.source(), migration.daemonId());
        }
        // Whoever asked the daemon died, or got no answer.
        Optional<MigrationInfo> found = daemons.migrations(migration.source()).stream()
                .filter(info -> isOf(migration, info))
                .findFirst();
        found.ifPresent(info -> store.taken(migration.id(), info.id(), progress(info), clock.millis()));
        return found;
    }

    /** Whether it is this one, of which the daemon has not told that it has taken it: it was asked to call it as we do. */
    static boolean isOf(Migration migration, MigrationInfo info) {
        return info.id().equals(migration.id());
    }

    private void heard(Migration migration, MigrationInfo info) throws ServiceException {
        silentSince.remove(migration.id());
        telemetry.together(() -> {
            store.progress(migration.id(), progress(info), info.reason(), clock.millis());
            telemetry.migrationRead(info);
            return true;
        });
        if (info.phase() == MigrationPhase.ABORTED) {
            giveUp(migration, isAbortAsked(migration) ? Status.ABORTED : Status.FAILED, info.reason());
            return;
        }
        if (info.phase() == MigrationPhase.DONE || info.phase() == MigrationPhase.FAILED_AFTER_HANDOVER) {
            complete(migration, info.reason());
        }
        if (migration.abortAsked() && info.phase().canAbort()) {
            daemons.abort(migration.source(), info.id(), ABORT_ASKED);
        }
    }

    /** By now: it may have been asked for since this round has begun. */
    private boolean isAbortAsked(Migration migration) {
        return store.find(migration.id()).map(Migration::abortAsked).orElse(migration.abortAsked());
    }

    /** The daemon was started anew, or has forgotten it: where the VM runs tells how it ended. */
    private void notKnownAtSource(Migration migration) throws ServiceException {
        if (runsOn(migration.destination(), migration)) {
            complete(migration, "it runs on " + migration.destination());
        } else if (runsOn(migration.source(), migration)) {
            giveUp(
                    migration,
                    isAbortAsked(migration) ? Status.ABORTED : Status.FAILED,
                    "splitmemd on " + migration.source() + " no longer knows of it; the VM runs on there");
        } else if (isSilent(migration)) {
            giveUp(
                    migration,
                    Status.FAILED,
                    "neither " + migration.source() + " nor " + migration.destination() + " runs the VM");
        }
    }

    private void afterSilence(Migration migration, String why) {
        try {
            if (runsOn(migration.destination(), migration)) {
                complete(migration, "it runs on " + migration.destination());
                return;
            }
        } catch (ServiceException e) {
            log.warn("migration={} {}", migration.id(), e.text());
        }
        giveUpUnheard(migration, "nothing was heard of it for " + SILENCE_LASTS.toMinutes() + " minutes: " + why);
    }

    /** Ends it for us. It may go on: what is booked stays until the source has been told, see {@link Unheard}. */
    private void giveUpUnheard(Migration migration, String reason) {
        telemetry.together(() -> store.endUnheard(migration.id(), reason, clock.millis()) && ended(migration.id()));
    }

    /**
     * Ends a running one whose VM is about to be started elsewhere, if Nova has reason for that: the source is away, and the VM has not arrived.
     */
    void endForsaken(Migration migration, String host) {
        if (host.equals(migration.source()) || answers(migration.source(), migration)) {
            return;
        }
        try {
            if (!runsOn(migration.destination(), migration)) {
                giveUpUnheard(migration, migration.source() + " does not answer, and the VM is started on " + host);
            }
        } catch (ServiceException e) {
            log.warn("migration={} {}", migration.id(), e.text());
        }
    }

    private boolean answers(String host, Migration migration) {
        try {
            daemons.vm(host, migration.instance());
            return true;
        } catch (ServiceException e) {
            return !NO_ANSWER.contains(e.kind());
        }
    }

    private boolean runsOn(String host, Migration migration) throws ServiceException {
        Optional<VmInfo> vm = daemons.vm(host, migration.instance());
        return vm.isPresent() && (vm.get().state() == VmState.LOCAL || vm.get().state() == VmState.SPLIT);
    }

    private void complete(Migration migration, @Nullable String reason) {
        long now = clock.millis();
        Vm vm = migration.vm().on(migration.destination());
        boolean ended = telemetry.together(() -> {
            if (!store.end(migration.id(), Status.RUNNING, Status.COMPLETED, reason, now)) {
                return false;
            }
            vms.put(PlacedVm.running(vm, migration.targetSide(), now).with(migration.extraSpecs()));
            return ended(migration.id());
        });
        boolean isGathered = migration.split() && migration.whole();
        // Else hosts still have pages that will not keep them: the reconciler books them as long as that is so.
        if (ended && !isGathered && !migration.comesToItsSubHost()) {
            settle(migration, vm, migration.targetSide(), "completed");
        }
    }

    /** Ends it with the VM at its source. Whoever else ended it first has said why. */
    void giveUp(Migration migration, Status how, @Nullable String reason) {
        boolean ended = telemetry.together(() ->
                store.end(migration.id(), migration.status(), how, reason, clock.millis()) && ended(migration.id()));
        if (ended) {
            settle(migration, migration.vm(), migration.sourceSide(), "undone");
        }
    }

    /** Only from both sides, and while there is no other: it is over, so the VM's next migration may be planned and booked by now. */
    private void settle(Migration migration, Vm vm, Map<String, Long> side, String cause) {
        Map<String, Long> both = migration.bothSides();
        Predicate<Map<String, Long>> still =
                now -> now.equals(both) && store.active(migration.instance()).isEmpty();
        books.settle(vm, migration.id(), still, side, cause);
    }

    /** Within the transaction that ended it. @return true */
    private boolean ended(String id) {
        store.find(id).ifPresent(migration -> {
            log.info("migration={} {}: {}", id, migration.status().word(), migration.reason());
            telemetry.migrationEnded(migration);
        });
        return true;
    }

    static Progress progress(MigrationInfo info) {
        return new Progress(
                info.phase().name(),
                info.bytesTotal(),
                info.bytesDone(),
                info.bytesRemaining(),
                info.rateBytesPerSecond(),
                info.etaSeconds(),
                info.downtimeMs(),
                info.letsHypervisorStart());
    }
}
