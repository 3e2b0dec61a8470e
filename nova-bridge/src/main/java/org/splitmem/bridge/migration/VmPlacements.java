package org.splitmem.bridge.migration;

import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.http.Deadline;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.MigrationStore;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.bridge.store.Status;
import org.splitmem.bridge.store.Vm;
import org.splitmem.bridge.store.VmStore;
import org.splitmem.model.FenceResult;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;

/** Where the memory of VMs goes that are about to start: boot, resize, unshelve, hard reboot. Any thread. */
public final class VmPlacements {
    private static final Logger log = LoggerFactory.getLogger(VmPlacements.class);
    private static final long MIB = 1L << 20;

    private final MigrationStore migrations;
    private final VmStore vms;
    private final Chooser chooser;
    private final Bookings bookings;
    private final Booker booker;
    private final Daemons daemons;
    private final Follower follower;
    private final Telemetry telemetry;
    private final Clock clock;

    public VmPlacements(
            MigrationStore migrations,
            VmStore vms,
            Chooser chooser,
            Bookings bookings,
            Daemons daemons,
            Follower follower,
            Telemetry telemetry,
            Clock clock) {
        this.migrations = migrations;
        this.vms = vms;
        this.chooser = chooser;
        this.bookings = bookings;
        this.booker = new Booker(chooser, bookings);
        this.daemons = daemons;
        this.follower = follower;
        this.telemetry = telemetry;
        this.clock = clock;
    }

    /**
     * Where a VM's memory was put.
     *
     * @param subHosts in MB; none if it is whole
     */
    public record Placement(Vm vm, boolean split, Map<String, Long> subHosts) {
        public long budgetMb() {
            return split ? vm.mainMb() : vm.ramMb();
        }
    }

    /** What would be planned for a VM that starts; nothing is booked. */
    public Plan dryRun(PlanInput input) throws RefusedException {
        ExtraSpecs specs = input.specs();
        Vm vm = input.vm();
        try {
            Map<String, Long> before = bookings.of(vm.instance());
            return chooser.foresee(vm, vm.host(), null, specs, before, before.keySet());
        } catch (ServiceException e) {
            throw Refusals.upstream(e);
        }
    }

    /** Books for a VM that is about to start, in place of what was booked for it, and tells the host's splitmemd. */
    @SuppressWarnings("try") // a scope
    public Placement place(PlanInput input) throws RefusedException {
        ExtraSpecs specs = input.specs();
        Vm vm = input.vm();
        endMigrations(vm);
        Optional<PlacedVm> former = vms.find(vm.instance());
        try {
            Map<String, Long> before = bookings.of(vm.instance());
            Booker.Booked booked = book(vm, specs, before, former.orElse(null));
            boolean split = booked.plan().outcome() == Plan.Outcome.SPLIT;
            try {
                tellHost(vm, split, booked.booking());
                Deadline.check(); // who asked does not wait any more
            } catch (ServiceException e) {
                try (Deadline.Scope unused = Deadline.lifted()) {
                    if (split && e.isDoubtful() && !booked.booking().equals(before)) {
                        // It may have reserved all the same what nobody has booked now.
                        takeBack(vm.host(), vm.instance());
                    }
                    new Books(bookings, telemetry)
                            .settle(vm, null, booked.step().after()::equals, before, "undone");
                }
                throw e;
            }
            PlacedVm placed =
                    PlacedVm.starting(vm, booked.booking(), clock.millis()).with(input.extraSpecs());
            telemetry.together(() -> {
                vms.put(placed);
                telemetry.planned(vm, null, booked.plan(), booked.booking());
                telemetry.placementChanged(vm, null, booked.step(), "placed");
                return true;
            });
            // A bridge that read the former record of the VM may have corrected the booking, or may be about to.
            new Books(bookings, telemetry).confirm(vm, now -> isStill(placed), booked.booking(), "placed");
            former.ifPresent(earlier -> forgetStart(earlier, vm.host()));
            log.info("instance={} placed: {}", vm.instance(), booked.plan().summary());
            return new Placement(vm, split, split ? booked.booking() : Map.of());
        } catch (RefusedException e) {
            telemetry.planRefused(vm, null, e.code(), e.text());
            throw e;
        } catch (ServiceException e) {
            throw Refusals.upstream(e);
        }
    }

    private boolean isStill(PlacedVm placed) {
        return PlacedVm.isSameStart(vms.find(placed.vm().instance()).orElse(null), placed);
    }

    /** If it is not known how far that came, what was booked before is booked again, unless the VM was placed anew meanwhile. */
    @SuppressWarnings("try") // a scope
    private Booker.Booked book(Vm vm, ExtraSpecs specs, Map<String, Long> before, @Nullable PlacedVm former)
            throws ServiceException, RefusedException {
        try {
            return booker.book(vm, vm.host(), null, specs, Map.of(), before, before.keySet());
        } catch (ServiceException e) {
            if (e.isDoubtful()) {
                try (Deadline.Scope unused = Deadline.lifted()) {
                    Predicate<Map<String, Long>> still =
                            now -> PlacedVm.isSameStart(vms.find(vm.instance()).orElse(null), former);
                    new Books(bookings, telemetry).settle(vm, null, still, before, "undone");
                }
            }
            throw e;
        }
    }

    /**
     * Books for a VM whose host is dead, at Nova's word: what other hosts keep for its former life is freed first.
     *
     * @param from the host that ran it
     */
    public Placement evacuate(PlanInput input, String from) throws RefusedException {
        Vm vm = input.vm();
        input.specs(); // what is refused anyhow is refused before anything is freed
        if (!from.equals(vm.host())) {
            endMigrations(vm); // a destination that runs it keeps its memory
            fence(vm, from);
        }
        return place(input);
    }

    /** The daemon of the new host refuses it if the former one answers, and runs the VM. */
    private void fence(Vm vm, String from) throws RefusedException {
        try {
            FenceResult result = daemons.fence(vm.host(), from, vm.instance());
            log.warn(
                    "instance={} {} is fenced, as Nova evacuates it to {}: freed {}, not reached {}",
                    vm.instance(),
                    from,
                    vm.host(),
                    result.freed(),
                    result.unreachable());
        } catch (ServiceException e) {
            if (e.is(RefusalCode.HOST_NOT_FENCED)) {
                throw Refusals.of(RefusalCode.HOST_NOT_FENCED, e.text());
            }
            throw Refusals.upstream(e);
        }
    }

    private void endMigrations(Vm vm) throws RefusedException {
        migrations
                .active(vm.instance())
                .filter(active -> active.status() == Status.RUNNING)
                .ifPresent(running -> follower.endForsaken(running, vm.host()));
        endPlans(vm.instance(), "the VM is started on " + vm.host());
    }

    private void tellHost(Vm vm, boolean split, Map<String, Long> booking) throws ServiceException {
        if (!split) {
            daemons.takeBackSplit(vm.host(), vm.instance()); // an earlier start may have been to be split
            return;
        }
        List<SubHostShare> shares = new ArrayList<>();
        booking.forEach((host, mb) -> shares.add(new SubHostShare(host, mb * MIB)));
        daemons.split(vm.host(), vm.instance(), vm.name(), vm.ramMb() * MIB, vm.mainMb() * MIB, shares);
    }

    /**
     * Books nothing for a VM any more.
     *
     * @param host that the VM is gone from; if it has moved to another since, its booking stays, and that host alone forgets how it was
     *     split there. Absent: gone altogether
     */
    public void release(UUID instance, @Nullable String host) throws RefusedException {
        Optional<PlacedVm> placed = vms.find(instance);
        if (host != null && placed.isPresent() && !placed.get().vm().host().equals(host)) {
            takeBack(host, instance); // one that was evacuated from there is not to start there again
            return;
        }
        endPlans(instance, "the VM is gone");
        Bookings.Step step = releaseBooking(instance);
        telemetry.together(() -> {
            vms.delete(instance);
            placed.ifPresent(now -> telemetry.placementChanged(now.vm(), null, step, "released"));
            return true;
        });
        if (placed.isPresent()) {
            takeBack(placed.get().vm().host(), instance);
        } else if (host != null) {
            takeBack(host, instance); // a first start there may have come as far as that
        }
    }

    private Bookings.Step releaseBooking(UUID instance) throws RefusedException {
        try {
            return bookings.release(instance);
        } catch (ServiceException e) {
            throw Refusals.upstream(e);
        }
    }

    /** If it was to start elsewhere a short while ago, what it was to have of sub-hosts there may still be reserved. */
    private void forgetStart(PlacedVm former, String host) {
        if (Reconciler.isStarting(former, clock) && !former.vm().host().equals(host)) {
            takeBack(former.vm().host(), former.vm().instance());
        }
    }

    /** Without an answer the daemon drops what it expects by itself, after ten minutes. */
    private void takeBack(String host, UUID instance) {
        try {
            daemons.takeBackSplit(host, instance);
        } catch (ServiceException e) {
            log.warn("instance={} {}", instance, e.text());
        }
    }

    private void endPlans(UUID instance, String why) throws RefusedException {
        Optional<Migration> active = migrations.active(instance);
        if (active.isPresent() && active.get().status() != Status.PLANNED) {
            throw Refusals.of(
                    RefusalCode.MIGRATION_RUNNING,
                    "instance " + instance + " is migrating (" + active.get().id() + ")");
        }
        active.ifPresent(planned -> follower.giveUp(planned, Status.EXPIRED, why));
    }
}
