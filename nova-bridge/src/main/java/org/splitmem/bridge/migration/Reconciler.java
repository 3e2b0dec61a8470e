package org.splitmem.bridge.migration;

import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.booking.Owner;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.MigrationStore;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.bridge.store.Status;
import org.splitmem.bridge.store.Vm;
import org.splitmem.bridge.store.VmStore;
import org.splitmem.model.VmState;

/**
 * Compares what is booked with what the daemons say, and sets the books right.
 *
 * <p>The daemons are the truth. What they do not answer for is left as it is. A VM that is nowhere keeps its booking as long as Nova claims its main
 * share, since it may start again; afterwards it loses it in the second round. One thread in each bridge; several bridges do not disturb each other,
 * since each correction is one atomic write.
 */
public final class Reconciler {
    private static final Logger log = LoggerFactory.getLogger(Reconciler.class);

    /** How long a VM that was placed may take to start and to be split: Nova fetches images and plugs networks first. */
    static final Duration STARTING_LASTS = Duration.ofMinutes(10);

    private static final int ROUNDS_NOWHERE = 2;

    private final PlacementClient placement;
    private final Bookings bookings;
    private final Daemons daemons;
    private final MigrationStore migrations;
    private final VmStore vms;
    private final Telemetry telemetry;
    private final Clock clock;
    private final Unheard unheard;
    private final ShortBookings shortBookings;
    private final Map<UUID, Integer> roundsNowhere = new HashMap<>();

    public Reconciler(
            PlacementClient placement,
            Bookings bookings,
            Daemons daemons,
            MigrationStore migrations,
            VmStore vms,
            Telemetry telemetry,
            Clock clock) {
        this.placement = placement;
        this.bookings = bookings;
        this.daemons = daemons;
        this.migrations = migrations;
        this.vms = vms;
        this.telemetry = telemetry;
        this.clock = clock;
        this.unheard = new Unheard(migrations, daemons);
        this.shortBookings = new ShortBookings(placement, bookings, telemetry);
    }

    /**
     * What a round did.
     *
     * @param corrected bookings that were wrong
     * @param failed that could not be compared or set right; the next round tries again
     * @param unbookedMb memory of VMs that is on hosts and could not be booked there, since others have booked the room
     */
    public record Result(int corrected, int failed, long unbookedMb) {}

    /** What became of one booking. */
    private enum Correction {
        NOT_NEEDED,
        DONE,
        FAILED
    }

    /** Compares and corrects everything, once. @throws ServiceException if Placement cannot be read */
    public Result round() throws ServiceException {
        Map<UUID, PlacedVm> placed = new TreeMap<>();
        vms.all().forEach(vm -> placed.put(vm.vm().instance(), vm));
        Map<UUID, Migration> active = new TreeMap<>();
        migrations.active().forEach(migration -> active.put(migration.instance(), migration));
        // Before the hosts are asked: what is booked later may be for what they do not tell yet.
        Set<UUID> ofNovas = new HashSet<>();
        Map<UUID, Bookings.Seen> booked = booked(ofNovas);
        Sightings sightings = Sightings.of(daemons.vms());
        Map<UUID, String> unheardFrom = unheard.tell(sightings);

        Set<UUID> instances = new HashSet<>(placed.keySet());
        instances.addAll(active.keySet());
        instances.addAll(sightings.instances());
        int corrected = 0;
        int failed = 0;
        Set<UUID> accountedFor = new HashSet<>();
        for (UUID instance : instances) {
            accountedFor.add(Consumers.of(instance));
            Bookings.Seen seen = booked.getOrDefault(Consumers.of(instance), Bookings.Seen.NOTHING);
            Map<String, Long> now = seen.booking();
            PlacedVm vm = placed.get(instance);
            Map<String, Long> wanted;
            try {
                wanted = !active.containsKey(instance) && mayMigrate(vm, unheardFrom.get(instance))
                        ? whileSilent(instance)
                        : wanted(instance, vm, active.get(instance), sightings, now);
            } catch (ServiceException e) {
                log.warn("instance={} {} is booked; whether that is right cannot be told: {}", instance, now, e.text());
                telemetry.reconciliationFailed(instance, vm == null ? null : vm.vm(), null, e.text());
                failed++;
                continue;
            }
            if (wanted == null || wanted.equals(now)) {
                shortBookings.isWhole(instance);
                continue;
            }
            Correction done = correct(instance, vm, seen, wanted, active.get(instance), sightings);
            corrected += done == Correction.DONE ? 1 : 0;
            failed += done == Correction.FAILED ? 1 : 0;
        }
        forgetElsewhere(placed, active.keySet(), sightings);
        accountedFor.addAll(ofNovas);
        corrected += releaseUnaccounted(booked, accountedFor, sightings);
        shortBookings.forgetAllBut(instances);
        roundsNowhere.keySet().removeIf(id -> !instances.contains(id) && !booked.containsKey(id));
        return new Result(corrected, failed, shortBookings.totalMb());
    }

    /** Whether a migration may go on that was given up; not if the VM has been started elsewhere since. */
    private static boolean mayMigrate(@Nullable PlacedVm placed, @Nullable String source) {
        return source != null && (placed == null || placed.vm().host().equals(source));
    }

    /**
     * What is booked by consumers that may be ours, by host.
     *
     * @param ofNovas gets the consumers that are ours if Nova's claims are those of split VMs
     */
    private Map<UUID, Bookings.Seen> booked(Set<UUID> ofNovas) throws ServiceException {
        Map<UUID, Bookings.Seen> byConsumer = new TreeMap<>();
        for (Map.Entry<String, UUID> provider : placement.providers().entrySet()) {
            placement.claimsOn(provider.getValue()).forEach((consumer, claimed) -> {
                if (Consumers.mayBeOurs(consumer)) {
                    byConsumer.merge(
                            consumer,
                            new Bookings.Seen(Map.of(provider.getKey(), claimed.memoryMb()), claimed.generation()),
                            Reconciler::together);
                } else {
                    ofNovas.add(Consumers.of(consumer));
                }
            });
        }
        return byConsumer;
    }

    /** What was booked on two hosts, one read after the other: as of the former, so that it is not taken for what is booked if it has changed. */
    private static Bookings.Seen together(Bookings.Seen former, Bookings.Seen later) {
        return new Bookings.Seen(Bookings.union(former.booking(), later.booking()), former.generation());
    }

    /** What should be booked; null if that cannot be told now, or is to stay as it is. */
    private @Nullable Map<String, Long> wanted(
            UUID instance,
            @Nullable PlacedVm placed,
            @Nullable Migration migration,
            Sightings sightings,
            Map<String, Long> now)
            throws ServiceException {
        if (migration != null) {
            boolean planning = migration.status() == Status.PLANNING;
            return planning ? null : migration.bothSides();
        }
        if (sightings.isMoving(instance)) {
            return null; // by splitmem's own command line, say: when it has arrived somewhere it counts
        }
        Optional<Sightings.Running> running = sightings.running(instance);
        if (running.isPresent()) {
            roundsNowhere.remove(instance);
            PlacedVm known = noteStart(placed, running.get());
            Map<String, Long> wanted = Truth.booking(running.get(), known, now, isStarting(known, clock));
            note(known, Truth.isInMotion(running.get()) ? null : wanted);
            return wanted;
        }
        if (sightings.isExpected(instance)) {
            // What sub-hosts have reserved stays booked, whatever Nova claims; the daemon drops it after some minutes.
            roundsNowhere.remove(instance);
            return placed == null ? null : placed.booking();
        }
        if (!sightings.answered(now.keySet())) {
            return null;
        }
        return hasAnswered(placed, sightings) ? whileNowhere(instance, placed, now) : whileSilent(instance);
    }

    private static boolean hasAnswered(@Nullable PlacedVm placed, Sightings sightings) {
        return placed == null || sightings.answered(Set.of(placed.vm().host()));
    }

    /**
     * While the host is silent that may run it: that the VM is gone for good Nova alone can tell, and that host may never come back.
     *
     * <p>It stays on record: if the host does come back and runs it still, what it holds is booked again.
     */
    private @Nullable Map<String, Long> whileSilent(UUID instance) throws ServiceException {
        if (!placement.claimedMb(instance).isEmpty()) {
            roundsNowhere.remove(instance);
            return null;
        }
        return isNowhereForLong(instance) ? Map.of() : null;
    }

    /**
     * A VM that is shut off holds no memory, but Nova keeps its main share for it; ours goes with that.
     *
     * <p>Nova's claim is there before the VM is placed, and on two hosts while it is evacuated. One of another size does not count: the flavor
     * has changed, and it is no VM of ours any more, or is about to be placed anew.
     *
     * @throws ServiceException if Placement does not tell: then nothing can be concluded
     */
    private @Nullable Map<String, Long> whileNowhere(UUID instance, @Nullable PlacedVm placed, Map<String, Long> now)
            throws ServiceException {
        if (placed != null && placement.claimedMb(instance).contains(placed.vm().mainMb())) {
            roundsNowhere.remove(instance);
            return placed.booking();
        }
        if (!isNowhereForLong(instance)) {
            return null;
        }
        if (now.isEmpty() && PlacedVm.isSameStart(vms.find(instance).orElse(null), placed)) {
            forget(null, placed); // nothing is left to be released
        }
        return Map.of();
    }

    /** Keeps on record what a VM has while it runs: that is what it is to find when it has been shut off and starts again. */
    private void note(@Nullable PlacedVm placed, @Nullable Map<String, Long> truth) {
        if (placed != null
                && truth != null
                && !isStarting(placed, clock)
                && !placed.booking().equals(truth)) {
            vms.rebook(placed, truth);
        }
    }

    /** Once it has been seen split as it was placed, what its host says of it later is true, too: it may be gathered a moment after its start. */
    private @Nullable PlacedVm noteStart(@Nullable PlacedVm placed, Sightings.Running running) {
        boolean isAsPlaced = placed != null
                && placed.startAwaited()
                && placed.vm().host().equals(running.host())
                && running.vm().state() == VmState.SPLIT
                && placed.booking().keySet().equals(running.vm().reservedBytes().keySet());
        if (placed == null || !isAsPlaced) {
            return placed;
        }
        vms.started(placed);
        return placed.started();
    }

    /** Whether it was placed a short while ago to be started, and may not run yet, or not yet as it was placed. */
    static boolean isStarting(@Nullable PlacedVm placed, Clock clock) {
        return placed != null
                && placed.startAwaited()
                && clock.millis() - placed.updatedMs() < STARTING_LASTS.toMillis();
    }

    private boolean isNowhereForLong(UUID id) {
        return roundsNowhere.merge(id, 1, Integer::sum) >= ROUNDS_NOWHERE;
    }

    /** Only if nothing has changed since this round looked: somebody may just be booking for the VM. */
    private Correction correct(
            UUID instance,
            @Nullable PlacedVm placed,
            Bookings.Seen seen,
            Map<String, Long> wanted,
            @Nullable Migration migration,
            Sightings sightings) {
        Map<String, Long> now = seen.booking();
        Vm vm = placed != null ? placed.vm() : migration == null ? null : migration.vm();
        Predicate<Bookings.Seen> still = booked -> booked.equals(seen) && isAsSeen(instance, placed, migration);
        Owner owner = owner(placed, migration);
        try {
            Bookings.Step step;
            try {
                step = bookings.setIf(still, instance, owner, wanted);
            } catch (NoCapacityException e) {
                shortBookings.bookWhatFits(instance, vm, owner, wanted, seen, still, e.text());
                return Correction.FAILED;
            }
            shortBookings.isWhole(instance);
            if (!step.isChange()) {
                return Correction.NOT_NEEDED;
            }
            boolean gone = wanted.isEmpty() && hasAnswered(placed, sightings);
            if (isOverAsPlanned(placed, now, wanted)) {
                log.info("instance={} all pages are there: {} was booked, {} is", instance, now, wanted);
                telemetry.together(() -> corrected(vm, null, migration, step, "moved"));
                return Correction.NOT_NEEDED;
            }
            log.warn("instance={} booking corrected: was {}, is {}", instance, now, wanted);
            telemetry.together(() -> corrected(vm, gone ? placed : null, migration, step, "reconciled"));
            return Correction.DONE;
        } catch (ServiceException e) {
            log.error("instance={} booking is {}, expected {}: {}", instance, now, wanted, e.getMessage());
            telemetry.reconciliationFailed(
                    instance, placed == null ? null : placed.vm(), wanted, String.valueOf(e.getMessage()));
            return Correction.FAILED;
        }
    }

    /** Nothing was wrong: where it has come by a migration its pages have come too by now, and who had them is booked no more. */
    private static boolean isOverAsPlanned(@Nullable PlacedVm placed, Map<String, Long> now, Map<String, Long> wanted) {
        return placed != null
                && !placed.startAwaited()
                && wanted.equals(placed.booking())
                && !wanted.isEmpty()
                && wanted.entrySet().stream()
                        .allMatch(entry -> wasBooked(placed, now, entry.getKey(), entry.getValue()));
    }

    /** Its host may have been one of its sub-hosts, and had more: what it kept, too. */
    private static boolean wasBooked(PlacedVm placed, Map<String, Long> now, String host, long mb) {
        long booked = now.getOrDefault(host, 0L);
        return booked == mb || (booked > mb && host.equals(placed.vm().host()));
    }

    /** @param gone absent: it stays on record */
    private boolean corrected(
            @Nullable Vm vm, @Nullable PlacedVm gone, @Nullable Migration migration, Bookings.Step step, String cause) {
        forget(migration, gone);
        if (vm != null) {
            telemetry.placementChanged(vm, migration == null ? null : migration.id(), step, cause);
        }
        return true;
    }

    private boolean isAsSeen(UUID instance, @Nullable PlacedVm placed, @Nullable Migration migration) {
        boolean sameMigration = migrations
                .active(instance)
                .map(Migration::id)
                .equals(Optional.ofNullable(migration).map(Migration::id));
        return sameMigration && PlacedVm.isSameStart(vms.find(instance).orElse(null), placed);
    }

    private void forget(@Nullable Migration migration, @Nullable PlacedVm placed) {
        if (migration == null && placed != null && !isStarting(placed, clock)) {
            vms.forget(placed);
        }
    }

    private static Owner owner(@Nullable PlacedVm placed, @Nullable Migration migration) {
        if (placed != null) {
            return Booker.owner(placed.vm());
        }
        // With neither, whoever owns the consumer now keeps it.
        return migration == null ? new Owner("", "") : Booker.owner(migration.vm());
    }

    /** A host on which a VM was split and does not start any more, since it was placed on another, need not know how it was. */
    private void forgetElsewhere(Map<UUID, PlacedVm> placed, Set<UUID> migrating, Sightings sightings) {
        for (Sightings.Running once : sightings.defined()) {
            UUID instance = UUID.fromString(once.vm().uuid());
            PlacedVm now = placed.get(instance);
            if (now == null
                    || isStarting(now, clock)
                    || migrating.contains(instance)
                    || now.vm().host().equals(once.host())) {
                continue;
            }
            if (!isAsSeen(instance, now, null)) {
                continue; // it may be placed there by now
            }
            try {
                daemons.takeBackSplit(once.host(), instance);
                log.info(
                        "instance={} forgotten by {}: it is placed on {}",
                        instance,
                        once.host(),
                        now.vm().host());
            } catch (ServiceException e) {
                log.warn("instance={} {}", instance, e.text());
            }
        }
    }

    /**
     * Consumers of ours whose VM no host has and Nova claims nothing for: of a database that was lost, say.
     *
     * @param accountedFor others, and those for whose VM Nova claims something: it may run on a host that has not registered yet
     */
    private int releaseUnaccounted(Map<UUID, Bookings.Seen> booked, Set<UUID> accountedFor, Sightings sightings)
            throws ServiceException {
        int released = 0;
        for (Map.Entry<UUID, Bookings.Seen> entry : booked.entrySet()) {
            UUID consumer = entry.getKey();
            if (accountedFor.contains(consumer) || !sightings.allAnswered()) {
                continue;
            }
            if (Consumers.TYPE.equals(placement.claims(consumer).type()) && isNowhereForLong(consumer)) {
                if (bookings.releaseConsumer(consumer, entry.getValue()::equals).isChange()) {
                    log.warn(
                            "consumer={} of no known VM released: {}",
                            consumer,
                            entry.getValue().booking());
                    released++;
                }
            }
        }
        return released;
    }
}
