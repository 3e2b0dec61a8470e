package org.splitmem.bridge.migration;

import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.Deadline;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.MigrationStore;
import org.splitmem.bridge.store.MigrationStore.Filter;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.bridge.store.Progress;
import org.splitmem.bridge.store.Status;
import org.splitmem.bridge.store.Vm;
import org.splitmem.bridge.store.VmStore;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * What can be asked about migrations. Any thread.
 *
 * <pre>
 *   PLANNING -> PLANNED    both sides are booked
 *   PLANNED  -> RUNNING    start: the source's splitmemd is asked
 *   RUNNING  -> COMPLETED  splitmemd says DONE; the destination's side stays booked
 *   RUNNING  -> FAILED, ABORTED   the VM runs on at its source, whose side stays booked
 *   PLANNED  -> ABORTED, EXPIRED  likewise; nothing had moved
 * </pre>
 */
public final class MigrationService {
    private static final Logger log = LoggerFactory.getLogger(MigrationService.class);
    private static final long MIB = 1L << 20;

    private final MigrationStore store;
    private final VmStore vms;
    private final Chooser chooser;
    private final Bookings bookings;
    private final Booker booker;
    private final SplitMoves splitMoves;
    private final Books books;
    private final Daemons daemons;
    private final Follower follower;
    private final Telemetry telemetry;
    private final Clock clock;

    public MigrationService(
            MigrationStore store,
            VmStore vms,
            Chooser chooser,
            Bookings bookings,
            Daemons daemons,
            Follower follower,
            Telemetry telemetry,
            Clock clock) {
        this.store = store;
        this.vms = vms;
        this.chooser = chooser;
        this.bookings = bookings;
        this.booker = new Booker(chooser, bookings);
        this.splitMoves = new SplitMoves(chooser, bookings);
        this.books = new Books(bookings, telemetry);
        this.daemons = daemons;
        this.follower = follower;
        this.telemetry = telemetry;
        this.clock = clock;
    }

    /** What would be planned; nothing is booked. */
    public Plan dryRun(PlanInput input, String destination) throws RefusedException {
        ExtraSpecs specs = input.specs();
        requireAnotherHost(input, destination);
        try {
            Bookings.Seen booked = bookings.seen(input.vm().instance());
            Optional<VmInfo> vm = daemons.vm(input.vm().host(), input.vm().instance());
            if (isSplit(vm)) {
                return splitMoves.foresee(splitMoves.look(input.vm(), vm.get(), booked), destination, specs);
            }
            return chooser.foresee(input.vm(), destination, input.vm().host(), specs, Map.of(), holders(input));
        } catch (ServiceException e) {
            throw Refusals.upstream(e);
        }
    }

    private static void requireAnotherHost(PlanInput input, String destination) throws RefusedException {
        if (destination.equals(input.vm().host())) {
            throw Refusals.of(RefusalCode.SAME_HOST, "the VM is on " + destination + " already");
        }
    }

    /** Chooses sub-hosts and books both sides; the same again gives the same migration. */
    public Migration plan(PlanInput input, String destination) throws RefusedException {
        ExtraSpecs specs = input.specs();
        UUID instance = input.vm().instance();
        requireAnotherHost(input, destination);
        Optional<Migration> now = store.active(instance);
        if (now.isPresent()
                && now.get().destination().equals(destination)
                && now.get().status() != Status.PLANNING) {
            return now.get();
        }
        now.ifPresent(planned -> {
            if (planned.status() == Status.PLANNED) {
                follower.giveUp(planned, Status.EXPIRED, "replaced by a plan for " + destination);
            }
        });
        try {
            Bookings.Seen booked = bookings.seen(instance); // before the VM is looked at
            Optional<VmInfo> vm = daemons.vm(input.vm().host(), instance);
            if (isSplit(vm)) {
                SplitMoves.Now split = splitMoves.look(input.vm(), vm.get(), booked);
                return plan(
                        planning(input, destination, split.sourceSide(), true),
                        planning -> splitMoves.book(split, destination, specs));
            }
            Map<String, Long> sourceSide = sourceSide(input, vm);
            return plan(
                    planning(input, destination, sourceSide, false),
                    planning -> booker.book(
                            planning.vm(),
                            destination,
                            planning.source(),
                            specs,
                            sourceSide,
                            Map.of(),
                            holders(input)));
        } catch (ServiceException e) {
            throw Refusals.upstream(e);
        }
    }

    private static boolean isSplit(Optional<VmInfo> vm) {
        return vm.isPresent() && vm.get().state() == VmState.SPLIT;
    }

    /**
     * What is booked at the source, and stays so until the migration is over: as the daemon says, like in reconciliation.
     *
     * <p>Something may be left of an earlier plan that could not be undone. It is released first, or it would stay booked, and its room could
     * not be chosen again.
     *
     * @param whole the VM at its source; absent if the daemon there does not know it: then the books have to be believed
     */
    private Map<String, Long> sourceSide(PlanInput input, Optional<VmInfo> whole) throws ServiceException {
        Vm vm = input.vm();
        Map<String, Long> now = bookings.of(vm.instance());
        if (whole.isEmpty() || whole.get().state() != VmState.LOCAL || mayStillMigrate(vm)) {
            return now;
        }
        Optional<PlacedVm> starting = vms.find(vm.instance())
                .filter(placed -> placed.vm().host().equals(vm.host()) && Reconciler.isStarting(placed, clock));
        Map<String, Long> truth = starting.map(PlacedVm::booking).orElse(vm.wholeBooking());
        if (truth.equals(now)) {
            return now;
        }
        try {
            Predicate<Bookings.Seen> still = booked ->
                    booked.booking().equals(now) && store.active(vm.instance()).isEmpty();
            telemetry.placementChanged(
                    vm, null, bookings.setIf(still, vm.instance(), Booker.owner(vm), truth), "reconciled");
            return truth;
        } catch (NoCapacityException e) {
            log.warn("instance={} {} should be booked, {} is: {}", vm.instance(), truth, now, e.text());
            return now; // it may well leave a host that has too little
        }
    }

    /** Then the other side's hosts keep pages, and are to stay booked. */
    private boolean mayStillMigrate(Vm vm) {
        return store.unheard().stream().anyMatch(earlier -> earlier.instance().equals(vm.instance()));
    }

    /** Books both sides of a migration that is being planned; returns null, and changes nothing, if a bridge or a drain has booked for the VM meanwhile. */
    private interface Planning {
        Booker.@Nullable Booked book(Migration planning) throws RefusedException, ServiceException;
    }

    @SuppressWarnings("try") // a scope
    private Migration plan(Migration planning, Planning how) throws RefusedException, ServiceException {
        if (!store.begin(planning)) {
            throw Refusals.of(
                    RefusalCode.MIGRATION_RUNNING,
                    "instance " + planning.instance() + " has a migration that is not over");
        }
        Booker.Booked booked = null;
        try {
            if (vms.find(planning.instance()).isEmpty()) {
                vms.put(PlacedVm.running(planning.vm(), planning.sourceSide(), planning.createdMs())
                        .with(planning.extraSpecs()));
            }
            booked = how.book(planning);
            if (booked == null) {
                throw Refusals.of(
                        RefusalCode.VM_BUSY,
                        "what is booked for instance " + planning.instance()
                                + " was just changed: pages of it may be about to move from a sub-host to another");
            }
            Deadline.check(); // who asked does not wait any more
            planned(planning, booked);
        } catch (RefusedException | ServiceException | RuntimeException e) {
            boolean nothingIsBooked = booked == null && e instanceof RefusedException;
            if (!nothingIsBooked) {
                // How far the booking came may not be known. Until this plan is over no drain, and no other plan, books
                // for the VM.
                try (Deadline.Scope unused = Deadline.lifted()) {
                    books.settle(
                            planning.vm(),
                            planning.id(),
                            now -> isPlanning(planning.id()),
                            planning.sourceSide(),
                            "undone");
                }
            }
            telemetry.together(() -> notPlanned(planning, e));
            throw e;
        }
        return find(planning.id());
    }

    private void planned(Migration planning, Booker.Booked booked) throws RefusedException {
        boolean whole = booked.plan().outcome() == Plan.Outcome.WHOLE;
        if (!telemetry.together(() -> planned(planning, booked, whole))) {
            throw Refusals.of(RefusalCode.MIGRATION_OVER, "the plan took too long and was given up");
        }
        log.info("migration={} planned: {}", planning.id(), booked.plan().summary());
    }

    private boolean planned(Migration planning, Booker.Booked booked, boolean whole) {
        if (!store.planned(planning.id(), booked.booking(), whole, booked.plan().summary(), clock.millis())) {
            return false;
        }
        telemetry.planned(planning.vm().on(planning.destination()), planning.id(), booked.plan(), booked.booking());
        telemetry.placementChanged(planning.vm(), planning.id(), booked.step(), "planned");
        return true;
    }

    private boolean notPlanned(Migration planning, Exception why) {
        if (store.end(planning.id(), Status.PLANNING, Status.FAILED, why.getMessage(), clock.millis())) {
            store.find(planning.id()).ifPresent(telemetry::migrationEnded);
        }
        if (why instanceof RefusedException refused) {
            telemetry.planRefused(
                    planning.vm().on(planning.destination()), planning.id(), refused.code(), refused.text());
        }
        return true;
    }

    private boolean isPlanning(String id) {
        return store.find(id).filter(now -> now.status() == Status.PLANNING).isPresent();
    }

    private Migration planning(PlanInput input, String destination, Map<String, Long> sourceSide, boolean split) {
        long now = clock.millis();
        return new Migration(
                UUID.randomUUID().toString(),
                input.vm(),
                destination,
                Status.PLANNING,
                input.extraSpecs(),
                sourceSide,
                Map.of(),
                false,
                split,
                Progress.NONE,
                input.novaMigration(),
                Caller.requestId(),
                null,
                null,
                false,
                now,
                now,
                null);
    }

    private Set<String> holders(PlanInput input) {
        return vms.find(input.vm().instance())
                .map(placed -> placed.booking().keySet())
                .orElse(Set.of());
    }

    /** Has the source's splitmemd begin; again: nothing more. */
    public Migration start(String id) throws RefusedException {
        Migration migration = find(id);
        if (migration.status() == Status.RUNNING) {
            return migration;
        }
        if (!store.running(id, clock.millis())) {
            Migration now = find(id);
            throw Refusals.of(
                    RefusalCode.NOT_PLANNED,
                    "migration " + id + " is " + now.status().word() + (now.abortAsked() ? " and to be aborted" : "")
                            + ", only a planned one can be started");
        }
        try {
            MigrationInfo info = daemons.migrate(migration.source(), migration.instance(), request(migration));
            telemetry.together(() -> {
                store.taken(id, info.id(), Follower.progress(info), clock.millis());
                telemetry.migrationRead(info);
                return true;
            });
        } catch (ServiceException e) {
            if (!e.isDoubtful()) {
                follower.giveUp(find(id), Status.FAILED, e.text());
                throw Refusals.of(RefusalCode.REFUSED_BY_HOST, e.text());
            }
            // It may have begun all the same: the follower finds out.
            store.note(id, e.text());
        }
        return find(id);
    }

    private static MigrationRequest request(Migration migration) {
        boolean complete = ExtraSpecs.of(migration.extraSpecs()).completeHandover();
        return new MigrationRequest(
                migration.destination(),
                migration.whole() && !migration.split() ? null : migration.budgetMb() * MIB,
                subHosts(migration),
                null,
                null,
                complete ? Handover.COMPLETE : Handover.HYBRID,
                migration.id(),
                migration.novaMigration() == null
                        ? null
                        : migration.novaMigration().toString());
    }

    /**
     * The sub-hosts as the source's splitmemd is to be asked for them. Of a VM that is split none: it keeps those that it has, or all of it comes to
     * the destination. Unless one of them is the destination, and others take over what that keeps: then all that it is to have, those that it has
     * already without a size.
     */
    private static List<SubHostShare> subHosts(Migration migration) {
        Map<String, Long> added = migration.newSubHosts();
        List<SubHostShare> subHosts = new ArrayList<>();
        if (!migration.split() || migration.comesToItsSubHost()) {
            migration
                    .subHosts()
                    .forEach((host, mb) ->
                            subHosts.add(new SubHostShare(host, added.containsKey(host) ? mb * MIB : null)));
        }
        return subHosts;
    }

    /** @throws RefusedException NOT_FOUND */
    public Migration find(String id) throws RefusedException {
        return store.find(id)
                .orElseThrow(() -> Refusals.of(RefusalCode.MIGRATION_NOT_FOUND, "there is no migration " + id));
    }

    /** As {@link #find}, with what the daemon says at this moment, if it answers. */
    public Migration show(String id) throws RefusedException {
        Migration migration = find(id);
        if (migration.status() != Status.RUNNING) {
            return migration;
        }
        follower.follow(migration);
        return find(id);
    }

    /**
     * Newest first.
     *
     * @param marker id of the last one that was seen: only those after it
     * @throws RefusedException INVALID if the filter's project has none of that id, or no longer
     */
    public List<Migration> list(Filter filter, @Nullable String marker, int most) throws RefusedException {
        return store.list(filter, marker == null ? null : seen(marker, filter.project()), most);
    }

    private Migration seen(String marker, @Nullable String project) throws RefusedException {
        return store.find(marker)
                .filter(found -> project == null || project.equals(found.vm().projectId()))
                .orElseThrow(() -> Refusals.of(
                        RefusalCode.INVALID_PARAMETER, "marker: there is no migration " + marker + ", or no longer"));
    }

    /** Forgets those that have been over for so long. */
    public void forget(Duration age) {
        long forgotten = store.forgetBefore(clock.millis() - age.toMillis());
        if (forgotten > 0) {
            log.info("{} migrations that were over more than {} days ago were forgotten", forgotten, age.toDays());
        }
    }

    /** Has it end with the VM at its source; one that is over stays as it is. */
    public Migration abort(String id) throws RefusedException {
        find(id);
        store.abortAsked(id); // first: whoever moves it on meanwhile sees it, or has been seen here
        Migration migration = find(id);
        if (migration.status() == Status.PLANNED) {
            follower.giveUp(migration, Status.ABORTED, Follower.NOT_STARTED);
        } else if (migration.status() == Status.RUNNING) {
            abortAtSource(migration);
        }
        return find(id);
    }

    private void abortAtSource(Migration migration) throws RefusedException {
        if (migration.daemonId() == null) {
            return; // the follower tells the daemon as soon as it is found there
        }
        try {
            daemons.abort(migration.source(), migration.daemonId(), Follower.ABORT_ASKED + ofRequest());
        } catch (ServiceException e) {
            if (e.is(RefusalCode.HANDED_OVER)) {
                throw Refusals.of(RefusalCode.HANDED_OVER, e.text());
            }
            store.note(migration.id(), "to be aborted as soon as possible: " + e.text());
        }
    }

    private static String ofRequest() {
        String id = Caller.requestId();
        return id == null ? "" : " (request " + id + ")";
    }

    /** No more rounds: the rest is sent while the VM stands still, or after the handover. */
    public Migration forceComplete(String id) throws RefusedException {
        Migration migration = find(id);
        if (migration.status() != Status.RUNNING || migration.daemonId() == null) {
            throw Refusals.of(
                    RefusalCode.NOT_RUNNING,
                    "migration " + id + " is " + migration.status().word() + ", only a running one can be completed");
        }
        try {
            daemons.complete(migration.source(), migration.daemonId());
        } catch (ServiceException e) {
            throw Refusals.upstream(e);
        }
        return find(id);
    }
}
