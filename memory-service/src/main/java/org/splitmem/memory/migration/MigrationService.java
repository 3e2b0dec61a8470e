package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.migration.PendingReleases.Kept;
import org.splitmem.memory.operation.Operation;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.qmp.DeviceObstacles;
import org.splitmem.memory.qmp.QmpMonitor;
import org.splitmem.memory.server.ConnectionHandler;
import org.splitmem.memory.server.ConnectionResolver;
import org.splitmem.memory.vm.Outbound;
import org.splitmem.memory.vm.PagingSwitch;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** All migrations from and to this host. Any thread. */
public final class MigrationService implements ConnectionResolver {
    private static final Logger log = LoggerFactory.getLogger(MigrationService.class);
    private final VmRegistry vms;
    private final PeerHosts peers;
    private final MigrationConfig config;
    private final PeerHosts.Peer self;
    private final TaskMaker tasks;
    private final PendingReleases releases;
    private final Splits splits;

    /** Of VMs that are here. */
    private final Claims claims;

    private final LenderChanges lenderChanges;
    private final VmOperations operations;
    private final MigrationConnections connections;
    private final MigrationUpkeep upkeep;
    private final IncomingMigrations incoming;
    private final RecentMigrations recent = new RecentMigrations();

    /**
     * Knows no migration yet.
     *
     * @param self this host as its peers know it
     * @param releases of memory that was lent to this host
     * @param operations of this host
     */
    public MigrationService(
            VmRegistry vms,
            PeerHosts peers,
            MigrationConfig config,
            PeerHosts.Peer self,
            PendingReleases releases,
            Operations operations) {
        this(vms, peers, config, self, releases, operations, new Claims(Claims.WAIT_NS));
    }

    MigrationService(
            VmRegistry vms,
            PeerHosts peers,
            MigrationConfig config,
            PeerHosts.Peer self,
            PendingReleases releases,
            Operations operations,
            Claims claims) {
        this.claims = claims;
        this.releases = releases;
        this.vms = vms;
        this.peers = peers;
        this.config = config;
        this.self = self;
        this.tasks = new TaskMaker(self, peers, config);
        this.splits = new Splits(this, tasks, peers, self, releases);
        this.lenderChanges = new LenderChanges(claims, tasks, peers, self, releases);
        this.operations = new VmOperations(operations, vms, self.name(), lenderChanges);
        this.connections = new MigrationConnections(this, vms, claims);
        releases.tellSources(this::sourceReleased);
        this.upkeep = new MigrationUpkeep(this, peers, claims, releases, lenderChanges);
        this.incoming = new IncomingMigrations(vms, peers, releases, this.operations, upkeep);
    }

    /** What is done with VMs that stay on their host. */
    public Splits splits() {
        return splits;
    }

    public LenderChanges lenderChanges() {
        return lenderChanges;
    }

    /** What changes where pages of the VMs here are. */
    public VmOperations operations() {
        return operations;
    }

    // ---- from here

    /**
     * Starts a migration.
     *
     * @throws RefusedException if it makes no sense or cannot be now; nothing has changed then
     */
    public MigrationInfo start(Vm vm, MigrationRequest request) throws RefusedException {
        Optional<MigrationInfo> begun = begunAlready(vm, request.id());
        if (begun.isPresent()) {
            return begun.get(); // the answer was lost, and the caller asks again
        }
        MigrationTask task = tasks.make(vm, request);
        Claims.Claim claim;
        try {
            claim = claims.claim(vm.uuid(), vm.name(), Claims.Purpose.startOf(task));
        } catch (RefusedException e) {
            return begunAlready(vm, task.id()).orElseThrow(() -> e); // begun by the request that this one repeats
        }
        try {
            begun = begunAlready(vm, task.id());
            return begun.isPresent() ? begun.get() : begin(vm, task, claim);
        } finally {
            claim.closeUnlessBegun();
        }
    }

    /**
     * Starts one, one-to-one, for which libvirt was asked directly: its hook at the destination wants one, and there is none.
     *
     * @throws RefusedException as {@link #start}; also if it was asked for a migration that has been aborted since
     */
    public void startForHypervisor(Vm vm, String destination) throws RefusedException {
        Optional<MigrationInfo> aborted = recent.calledLate(vm.uuid(), destination);
        if (aborted.isPresent()) {
            throw new RefusedException(
                    RefusalCode.MIGRATION_FAILED,
                    "migration " + aborted.get().id() + " of VM " + vm.name()
                            + ", for which libvirt was asked, has been aborted: "
                            + aborted.get().reason());
        }
        start(vm, new MigrationRequest(destination, null, List.of(), null, null, null));
    }

    private MigrationInfo begin(Vm vm, MigrationTask task, Claims.Claim claim) throws RefusedException {
        splits.requireNoneHalfMade(vm);
        requireMovable(vm);
        Operation operation = operations.migrating(vm, task); // before anything is reserved
        try {
            return begin(vm, task, claim, operation);
        } catch (RuntimeException | OutOfMemoryError e) {
            operation.end(OperationState.FAILED, "it could not be begun: " + e);
            throw e;
        }
    }

    private MigrationInfo begin(Vm vm, MigrationTask task, Claims.Claim claim, Operation operation) {
        Reservations reservations = new Reservations(vm, task, peers, self.name(), releases);
        OutgoingMigration migration =
                new OutgoingMigration(vm, task, config, reservations, peers, self.name(), claim::close);
        migration.report().isDoneAs(operation);
        operation.isDoneBy(new MigrationWork(migration.report(), this));
        recent.add(migration.report());
        claim.become(migration);
        migration.start();
        return migration.report().info();
    }

    /** As far as QEMU answers: one that does not is refused when the migration connects to it. */
    private void requireMovable(Vm vm) throws RefusedException {
        try (QmpMonitor qemu = vm.monitor()) {
            String reason = RamInStream.reasonAgainst(qemu, vm.name(), self.name());
            if (!reason.isEmpty()) {
                throw new RefusedException(RefusalCode.RAM_IS_A_MEMFD, reason);
            }
            DeviceObstacles.refuse(qemu, vm.name(), self.name());
        } catch (DeviceObstacles.ObstacleException e) {
            throw notSplittable(e);
        } catch (IOException e) {
            log.info("vm={} QEMU cannot be asked what it has: {}", vm.uuid(), e.getMessage());
        }
    }

    static RefusedException notSplittable(DeviceObstacles.ObstacleException e) {
        return new RefusedException(RefusalCode.NOT_SPLITTABLE, String.valueOf(e.getMessage()));
    }

    private Optional<MigrationInfo> begunAlready(Vm vm, @Nullable String id) throws RefusedException {
        Optional<MigrationInfo> known = recent.find(id);
        if (known.isPresent() && !known.get().vm().equals(vm.uuid().toString())) {
            throw new RefusedException(
                    RefusalCode.MIGRATION_EXISTS,
                    "migration " + id + " is one of VM " + known.get().name());
        }
        return known;
    }

    /** The migration's source has answered: what it kept is free, and it never runs the VM again without being asked. */
    private void sourceReleased(PendingReleases.Release told) throws IOException {
        Vm vm = vms.find(told.vm());
        if (vm != null) {
            new PagingSwitch(vm).takeOver(told.token());
        }
    }

    /** A host is dead: the VMs that came from it, in full, or this one alone, cannot come back to it. */
    public void fenced(String host, @Nullable UUID vm) {
        releases.sourceFenced(host, vm);
    }

    /** Who holds VMs that are here. */
    Claims claims() {
        return claims;
    }

    /** True while a migration is being started that is not listed yet. */
    public boolean isStarting(UUID vm) {
        return claims.isStarting(vm);
    }

    public List<MigrationInfo> list() {
        return recent.list();
    }

    public Optional<MigrationInfo> find(String id) {
        return recent.find(id);
    }

    /** Aborts. @throws RefusedException if there is no such migration, or it was handed over */
    public MigrationInfo abort(String id, String reason) throws RefusedException {
        MigrationInfo known = require(id);
        OutgoingMigration running = claims.outgoing(id);
        if (running == null) {
            return known;
        }
        log.info("vm={} migration={} is to end: {}", known.vm(), id, reason);
        running.report().cancelling();
        if (!running.abort(reason) && !running.phase().isOver()) { // it may have ended just now
            throw handedOver(known);
        }
        return running.report().info();
    }

    /**
     * Lets pre-copy end with its current round, however much is dirty then. Asking again changes nothing.
     *
     * @throws RefusedException if there is no such migration, it was handed over, or it is over
     */
    public MigrationInfo complete(String id) throws RefusedException {
        MigrationInfo known = require(id);
        OutgoingMigration running = claims.outgoing(id);
        if (running != null && running.complete()) {
            log.info("vm={} migration={} is to be ready after its current round", known.vm(), id);
            return running.report().info();
        }
        MigrationInfo now = require(id);
        if (now.phase().isOver()) {
            throw new RefusedException(
                    RefusalCode.MIGRATION_OVER, "migration " + id + " is over already: it ended as " + now.phase());
        }
        throw handedOver(known);
    }

    private MigrationInfo require(String id) throws RefusedException {
        return find(id).orElseThrow(() ->
                new RefusedException(RefusalCode.MIGRATION_NOT_FOUND, "no migration " + id + " on this host"));
    }

    private static RefusedException handedOver(MigrationInfo known) {
        return new RefusedException(
                RefusalCode.HANDED_OVER,
                "migration " + known.id() + " was handed over: the guest is on " + known.destination() + " already");
    }

    // ---- to here

    /** Those of VMs that come to this host. */
    public IncomingMigrations incoming() {
        return incoming;
    }

    // ---- for their destinations

    /**
     * Waits until a VM's migration from this host is ready for the hypervisor.
     *
     * @param nearly whether it is enough that it is about to be
     * @return false if there is none, it ended, or the time was over
     */
    public boolean awaitReady(UUID uuid, boolean nearly, long timeoutNs) {
        OutgoingMigration migration = claims.outgoing(uuid);
        return migration != null && migration.readyGate().await(nearly, timeoutNs);
    }

    /** Why a VM's migration did not become ready, for the hook that waited for it, and so lets no QEMU be started for it any more. */
    public String whyNotReady(UUID uuid) {
        Optional<MigrationReport> ended = recent.newest(uuid);
        ended.ifPresent(report -> report.call().answered());
        String reason = ended.map(report -> report.info().reason()).orElse(null);
        return reason == null ? "it ended" : reason;
    }

    @Override
    public @Nullable ConnectionHandler resolve(Hello hello) throws PeerException {
        return connections.resolve(hello);
    }

    /** How the new owner of a VM that left before a restart of this daemon reaches its pages; null for any other. */
    static VmRecord.@Nullable Lender keptFor(@Nullable Vm vm) {
        VmRecord record = vm == null ? null : vm.record();
        return record == null || !record.mayBeFetchedFrom() ? null : record.source();
    }

    /**
     * The destination of a migration from here has every page, or its QEMU there has ended: nothing is kept for it any more.
     * Does nothing for another token.
     *
     * @throws RefusedException if it is not recorded here in time: it has to be said again
     */
    public void arrived(UUID uuid, String token) throws RefusedException {
        OutgoingMigration migration = claims.outgoing(uuid);
        if (migration != null && Hello.isSameToken(migration.task().source().token(), token)) {
            if (!migration.arrived()) {
                throw stillLeaving(uuid);
            }
            if (migration.phase() == MigrationPhase.ABORTED) { // the hypervisor has resumed it here meanwhile
                throw hereAgain(uuid);
            }
            return;
        }
        Vm vm = vms.find(uuid);
        VmRecord.Lender how = keptFor(vm);
        if (vm != null && how != null && Hello.isSameToken(how.token(), token)) {
            if (vm.record().phase() == VmRecord.Phase.LEAVING) { // it may run here: see InterruptedMigration
                throw stillLeaving(uuid);
            }
            free(vm);
        } else if (vm != null && isOwn(vm)) {
            throw hereAgain(uuid);
        }
    }

    private static RefusedException hereAgain(UUID uuid) {
        return new RefusedException(RefusalCode.VM_HERE, "VM " + uuid + " is this host's own");
    }

    /** Also one of which only its hypervisor knows whether it has left. */
    private static boolean isOwn(Vm vm) {
        return switch (vm.record().phase()) {
            case LOCAL, PAGED, LEAVING -> true;
            case INCOMING, LEFT -> false;
        };
    }

    /** A QEMU that is still there the hypervisor may have run on: upkeep finds out, and frees the RAM only when it has ended. */
    private void free(Vm left) throws RefusedException {
        if (!left.record().hasQemu()) {
            vms.remove(left, "its new owner has every page");
            return;
        }
        if (left.record().leavesSplit()) { // its sub-hosts would be needed, too
            throw stillLeaving(left.uuid());
        }
        try {
            new Outbound(left).fetched();
        } catch (IOException e) {
            log.error("vm={} cannot be recorded: {}", left.uuid(), e.getMessage());
            throw stillLeaving(left.uuid());
        }
    }

    private static RefusedException stillLeaving(UUID uuid) {
        return new RefusedException(RefusalCode.STILL_LEAVING, "VM " + uuid + " has not left this host for good yet");
    }

    /** What became of a VM that was leaving this host, for its destination, which lost touch with this daemon. */
    public PeerHosts.Fate fate(UUID uuid, String token) {
        Vm vm = vms.find(uuid);
        VmRecord.Lender how = keptFor(vm);
        if (vm == null || how == null || !Hello.isSameToken(how.token(), token)) {
            return PeerHosts.Fate.UNKNOWN;
        }
        // Also while its migration goes on here: a destination that was told, and died before it took note, asks again.
        return vm.record().phase() == VmRecord.Phase.LEFT ? PeerHosts.Fate.LEFT : PeerHosts.Fate.UNKNOWN;
    }

    /**
     * Whether what sub-hosts keep for a migration or a split of a VM that is here may still be needed: while it goes on, and, of
     * a migration, until its new owner, which has adopted the stores by then, has told that it has every page. What is kept for
     * VMs that are yet to start only {@link ExpectedSplits#wantsStores} knows.
     */
    boolean wantsStores(UUID uuid) {
        return claims.isBorrowing(uuid)
                || keptFor(vms.find(uuid)) != null
                || vms.damaged().contains(uuid); // which may be any of them
    }

    // ---- upkeep

    /** Frees what nobody uses any more. To be called now and then, by one thread. */
    public void sweep(long nowNs) {
        for (Vm vm : vms.all()) {
            upkeep.sweep(vm, nowNs);
        }
        releases.attempt(nowNs);
    }

    /** A VM that an earlier daemon served. */
    public void found(Vm vm) throws IOException {
        splits.found(vm);
        incoming.found(vm);
    }

    /** Its QEMU may still leave RAM out of a migration, as an earlier one of ours, or an earlier daemon, has set it. */
    public void takenUp(Vm vm) {
        upkeep.takenUp(vm);
    }

    /** Its QEMU has exited: frees what it had, here and on other hosts. */
    void ended(Vm vm, String because) {
        vm.refuseToArrive(); // before it is asked whose it is
        VmRecord record = vm.record();
        VmRecord.Lender source = record.source();
        boolean isShared = record.sharesLenders();
        if (isShared && source != null) { // first: until it has confirmed, what it shares is not released
            releases.add(new PendingReleases.Release(Kept.SOURCE, source.host(), record.uuid(), source.token()));
        }
        if (record.phase() == VmRecord.Phase.PAGED) {
            releases.addStores(isShared ? Kept.SHARED_STORE : Kept.STORE, record.uuid(), record.lent());
        }
        incoming.ended(vm);
        vms.remove(vm, because);
        if (record.phase() == VmRecord.Phase.PAGED
                && source != null
                && !isShared) { // it need not keep pages for a VM that is gone
            releases.add(new PendingReleases.Release(Kept.SOURCE, source.host(), record.uuid(), source.token()));
        }
    }
}
