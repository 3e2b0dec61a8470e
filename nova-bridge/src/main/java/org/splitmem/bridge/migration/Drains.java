package org.splitmem.bridge.migration;

import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.daemon.HostReport;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.MigrationStore;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.bridge.store.Vm;
import org.splitmem.bridge.store.VmStore;
import org.splitmem.model.HostInfo;
import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * Finds other sub-hosts for what drained hosts keep: chooses them as for a migration, books them beside those of before, and has each VM's main host move
 * the pages.
 *
 * <p>That a host is drained is a state of its splitmemd, which keeps it; so every bridge does this for every drained host, whoever has asked for that,
 * and nothing is lost with a bridge. What is asked twice the main host refuses. Any thread; one bridge does one thing at a time.
 */
public final class Drains {
    private static final Logger log = LoggerFactory.getLogger(Drains.class);
    private static final long MIB = 1L << 20;
    /** How often hosts are asked while something moves: books follow soon. */
    private static final long MOVING_MS = 5_000;

    /** Of a main host whose VM's pages leave the host already. */
    private static final String BEING_EMPTIED = "being-emptied";

    /** Of a main host that has changed nothing: a taker has no room, or does not answer. */
    private static final Set<String> NOT_BEGUN = Set.of("no-room", "failed");

    private final MigrationStore migrations;
    private final VmStore vms;
    private final Bookings bookings;
    private final Booker booker;
    private final Books books;
    private final Daemons daemons;
    private final Telemetry telemetry;
    private final Clock clock;
    private final long lookEveryMs;

    // Guarded by this.
    private final Map<Departure, Trouble> troubles = new HashMap<>();
    /** What moves, and this bridge has not seen to be over. */
    private final Set<Departure> moving = new TreeSet<>();
    /** Of it, what this bridge has asked for. */
    private final Set<Departure> asked = new TreeSet<>();

    private long nextLookMs;

    /** A VM's pages that are to leave a host. */
    private record Departure(UUID instance, String from) implements Comparable<Departure> {
        @Override
        public int compareTo(Departure other) {
            int byVm = instance.compareTo(other.instance);
            return byVm != 0 ? byVm : from.compareTo(other.from);
        }
    }

    /** Why they do not, as far as this bridge knows. */
    private record Trouble(String text, long againMs) {}

    /** @param lookEvery how often hosts are asked whether they are drained, and what did not move is tried again */
    public Drains(
            MigrationStore migrations,
            VmStore vms,
            Chooser chooser,
            Bookings bookings,
            Daemons daemons,
            Telemetry telemetry,
            Clock clock,
            Duration lookEvery) {
        this.migrations = migrations;
        this.vms = vms;
        this.bookings = bookings;
        this.booker = new Booker(chooser, bookings);
        this.books = new Books(bookings, telemetry);
        this.daemons = daemons;
        this.telemetry = telemetry;
        this.clock = clock;
        this.lookEveryMs = lookEvery.toMillis();
    }

    /** To be called often: looks now and then, and more often while something moves. */
    public synchronized void step() {
        if (clock.millis() >= nextLookMs) {
            look();
        }
    }

    /** From now on the host lends nothing new, and what it keeps moves elsewhere. @throws RefusedException if its splitmemd cannot be asked */
    public synchronized LendingInfo begin(String host) throws RefusedException {
        try {
            daemons.drain(host);
            log.info("{} is drained, by a request to nova-bridge", host);
            troubles.keySet().removeIf(departure -> departure.from().equals(host));
            look();
            return shown(daemons.lending(host));
        } catch (ServiceException e) {
            throw Refusals.upstream(e);
        }
    }

    /** It lends again, and keeps what it still has. @throws RefusedException if it was not drained */
    public synchronized LendingInfo cancel(String host) throws RefusedException {
        try {
            LendingInfo info = daemons.cancelDrain(host);
            log.info("{} is drained no more, by a request to nova-bridge", host);
            look();
            return info;
        } catch (ServiceException e) {
            if (e.kind() == ServiceException.Kind.CONFLICT) {
                throw Refusals.of(RefusalCode.NOT_BEING_DRAINED, e.text());
            }
            throw Refusals.upstream(e);
        }
    }

    /** What the host lends, and what is to leave it; what does not move has a reason. */
    public synchronized LendingInfo show(String host) throws RefusedException {
        try {
            return shown(daemons.lending(host));
        } catch (ServiceException e) {
            throw Refusals.upstream(e);
        }
    }

    /** Its splitmemd does not know why there is no other host for a VM's pages. */
    private LendingInfo shown(LendingInfo info) {
        List<LeavingVm> leaving = new ArrayList<>();
        for (LeavingVm vm : info.leaving()) {
            Trouble ours = vm.moving() ? null : troubles.get(new Departure(UUID.fromString(vm.vm()), info.host()));
            leaving.add(
                    ours == null
                            ? vm
                            : new LeavingVm(
                                    vm.vm(),
                                    vm.name(),
                                    vm.mainHost(),
                                    vm.reservedBytes(),
                                    vm.heldBytes(),
                                    false,
                                    ours.text()));
        }
        return new LendingInfo(
                info.host(),
                info.state(),
                info.limitBytes(),
                info.configuredBytes(),
                info.setBytes(),
                info.lentBytes(),
                info.heldBytes(),
                info.leavingBytes(),
                info.rateBytesPerSecond(),
                info.etaSeconds(),
                leaving);
    }

    // ---- for the thread that holds the lock

    private void look() {
        nextLookMs = clock.millis() + lookEveryMs;
        emptyDrainedHosts();
        if (!moving.isEmpty()) {
            nextLookMs = Math.min(nextLookMs, clock.millis() + MOVING_MS);
        }
    }

    private void emptyDrainedHosts() {
        Set<String> drained = new TreeSet<>();
        Set<String> lending = new TreeSet<>(); // of a host that is silent nothing is concluded
        for (HostReport report : daemons.quickReports()) {
            HostInfo info = report.info();
            if (info != null) {
                (Boolean.TRUE.equals(info.draining()) ? drained : lending).add(info.name());
            }
        }
        troubles.keySet().removeIf(departure -> lending.contains(departure.from()));
        if (drained.isEmpty() && moving.isEmpty()) {
            return;
        }
        Set<UUID> seen = new TreeSet<>();
        boolean allAnswered = true;
        for (Daemons.VmReport report : daemons.vms()) {
            List<VmInfo> told = report.vms();
            allAnswered &= told != null;
            for (VmInfo vm : told == null ? List.<VmInfo>of() : told) {
                if (vm.state() == VmState.SPLIT || vm.state() == VmState.LOCAL) {
                    seen.add(UUID.fromString(vm.uuid()));
                    look(new Sightings.Running(report.host(), vm), drained, lending);
                }
            }
        }
        // Otherwise a VM that is not seen may run on the silent host. What became of these the reconciler finds out.
        if (allAnswered) {
            moving.removeIf(departure -> !seen.contains(departure.instance()));
        }
        asked.retainAll(moving);
    }

    private void look(Sightings.Running running, Set<String> drained, Set<String> lending) {
        UUID instance = UUID.fromString(running.vm().uuid());
        Set<String> keeping = running.vm().reservedBytes().keySet();
        for (Departure one : List.copyOf(moving)) {
            if (one.instance().equals(instance) && !keeping.contains(one.from())) {
                isOver(one, running);
            } else if (one.instance().equals(instance) && lending.contains(one.from())) {
                keep(one, running.host());
            }
        }
        for (String from : keeping) {
            if (drained.contains(from) && running.vm().state() == VmState.SPLIT) {
                leave(new Departure(instance, from), running);
            }
        }
    }

    /** The host is drained no more: what this bridge has asked for is ended, as its splitmemd ends what that has asked for. */
    private void keep(Departure departure, String main) {
        if (asked.contains(departure)) {
            try {
                daemons.keepPages(main, departure.instance(), departure.from());
                log.info("instance={} keeps what it has on {}", departure.instance(), departure.from());
            } catch (ServiceException e) {
                log.warn("instance={} may go on leaving {}: {}", departure.instance(), departure.from(), e.text());
                if (e.isDoubtful()) {
                    return; // asked again at the next look
                }
            }
        }
        moving.remove(departure);
    }

    /** Nothing of the VM is there any more: what is booked for it there is not needed. */
    private void isOver(Departure departure, Sightings.Running running) {
        moving.remove(departure);
        troubles.remove(departure);
        PlacedVm placed = vms.find(departure.instance()).orElse(null);
        if (placed == null || migrations.active(departure.instance()).isPresent()) {
            return; // the reconciler sees to it
        }
        try {
            Bookings.Seen seen = bookings.seen(departure.instance());
            VmInfo now = daemons.vm(running.host(), departure.instance()).orElse(null);
            if (now == null || !Sightings.isSettled(now.state())) {
                return; // likewise
            }
            Map<String, Long> wanted =
                    Truth.booking(new Sightings.Running(running.host(), now), placed, seen.booking(), false);
            if (wanted != null) {
                books.settle(placed.vm(), seen, () -> isFree(departure.instance()), wanted, "moved");
            }
        } catch (ServiceException e) {
            log.warn("instance={} {}", departure.instance(), e.text());
        }
    }

    /** Whether it does not migrate, nor is about to. */
    private boolean isFree(UUID instance) {
        return migrations.active(instance).isEmpty();
    }

    /** A main host that was a sub-host before it ran the VM empties its store by itself. */
    private static boolean leavesAlready(Departure departure, Sightings.Running running) {
        return running.vm().moves().stream().anyMatch(move -> move.from().equals(departure.from()))
                || departure.from().equals(running.host())
                || Truth.isGathered(running.vm());
    }

    private void leave(Departure departure, Sightings.Running running) {
        if (leavesAlready(departure, running)) {
            troubles.remove(departure);
            moving.add(departure); // whoever has asked for that
            return;
        }
        Trouble before = troubles.get(departure);
        if (before != null && clock.millis() < before.againMs()) {
            return;
        }
        String why;
        try {
            why = ask(departure, running.host());
        } catch (RefusedException e) {
            why = e.text();
        } catch (ServiceException e) {
            why = e.text();
        }
        if (why == null) {
            troubles.remove(departure);
            moving.add(departure);
            return;
        }
        if (before == null || !before.text().equals(why)) {
            log.warn("instance={} does not leave {}: {}", departure.instance(), departure.from(), why);
        }
        troubles.put(departure, new Trouble(why, clock.millis() + lookEveryMs));
    }

    /** @return why nothing can be asked now; null if it was */
    private @Nullable String ask(Departure departure, String main) throws RefusedException, ServiceException {
        UUID instance = departure.instance();
        Optional<Migration> active = migrations.active(instance);
        if (active.isPresent()) {
            return migrates(active.get());
        }
        Bookings.Seen seen = bookings.seen(instance);
        // Once more: another bridge may have asked since all hosts were.
        VmInfo now = daemons.vm(main, instance).orElse(null);
        if (now == null || now.state() != VmState.SPLIT) {
            return "it is split on " + main + " no more";
        }
        Sightings.Running running = new Sightings.Running(main, now);
        if (leavesAlready(departure, running)) {
            return null;
        }
        PlacedVm placed = vms.find(instance).orElse(null);
        if (placed == null || placed.extraSpecs().isEmpty()) {
            return "nova-bridge does not know its flavor's extra specs before its next migration or start; until then: \"splitmem move-pages "
                    + now.name() + " --from " + departure.from() + " --to HOST\" on " + main;
        }
        Vm vm = placed.vm().on(main);
        Map<String, Long> has = Truth.ofSplit(running, placed, seen.booking(), vm.remainderMb());
        Long mb = has.get(departure.from());
        if (mb == null) {
            return "nothing is booked for it there";
        }
        Booker.Booked booked = booker.bookOthers(
                vm,
                main,
                ExtraSpecs.of(placed.extraSpecs()),
                mb,
                now.reservedBytes().keySet(),
                has,
                new Booker.AsSeen(seen, () -> isFree(instance)));
        return booked == null ? "what is booked for it was just changed" : move(departure, vm, main, mb, booked);
    }

    private static String migrates(Migration migration) {
        return "it migrates, or is about to (migration " + migration.id() + ")";
    }

    /** @return why it does not; null if it does */
    private @Nullable String move(Departure departure, Vm vm, String main, long mb, Booker.Booked booked) {
        UUID instance = departure.instance();
        Optional<Migration> planned = migrations.active(instance);
        String refusal = planned.map(Drains::migrates).orElseGet(() -> move(departure, main, booked));
        if (refusal != null) {
            books.settle(vm, null, booked.step().after()::equals, booked.step().before(), "undone");
            return refusal.equals(BEING_EMPTIED) ? null : refusal;
        }
        asked.add(departure);
        // Another bridge may have corrected it before the main host knew of the new sub-hosts, or may be about to.
        Bookings.Step step = booked.step();
        books.confirm(
                vm, booking -> booking.equals(step.after()) || booking.equals(step.before()), step.after(), "moving");
        telemetry.together(() -> {
            telemetry.planned(vm, null, booked.plan(), booked.booking());
            telemetry.placementChanged(vm, null, booked.step(), "moving");
            return true;
        });
        log.info("instance={} {} MB move from {} to {}", instance, mb, departure.from(), booked.booking());
        return null;
    }

    /** @return why its main host does not do it; null if it does, or may */
    private @Nullable String move(Departure departure, String main, Booker.Booked booked) {
        List<SubHostShare> to = new ArrayList<>();
        booked.booking().forEach((host, mb) -> to.add(new SubHostShare(host, mb * MIB)));
        try {
            daemons.movePages(main, departure.instance(), new MovePagesRequest(departure.from(), to, null));
            return null;
        } catch (ServiceException e) {
            if (e.isDoubtful() && !NOT_BEGUN.contains(e.code())) {
                log.warn("instance={} {}", departure.instance(), e.text());
                return null; // the next look shows it, and the reconciler books what is there
            }
            return e.code().equals(BEING_EMPTIED) ? BEING_EMPTIED : e.text();
        }
    }
}
