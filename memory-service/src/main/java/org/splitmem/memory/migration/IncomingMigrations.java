package org.splitmem.memory.migration;

import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.memory.wire.Hello;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** The migrations of VMs that come to this host, or have come and still need their source. Any thread. */
public final class IncomingMigrations {
    private static final Logger log = LoggerFactory.getLogger(IncomingMigrations.class);
    /** For a VM's former QEMU to end; a host that asks waits for 20 s. */
    private static final long FORMER_NS = Signals.seconds(10);

    private static final long LOOK_NS = 50_000_000L;

    private final VmRegistry vms;
    private final PeerHosts peers;
    private final PendingReleases releases;
    private final VmOperations operations;
    private final MigrationUpkeep upkeep;

    private final Map<UUID, IncomingMigration> migrations = new HashMap<>(); // guarded by this

    IncomingMigrations(
            VmRegistry vms,
            PeerHosts peers,
            PendingReleases releases,
            VmOperations operations,
            MigrationUpkeep upkeep) {
        this.vms = vms;
        this.peers = peers;
        this.releases = releases;
        this.operations = operations;
        this.upkeep = upkeep;
    }

    /** Expects a VM. @throws RefusedException if it cannot come: nothing is left of it then */
    public void prepare(PeerHosts.Incoming wanted) throws RefusedException {
        VmRecord record = new VmRecord(
                wanted.vm(),
                wanted.name(),
                VmRecord.Phase.INCOMING,
                wanted.backendBytes(),
                wanted.epoch(),
                wanted.budgetBytes(),
                wanted.lenders(),
                wanted.source(),
                0,
                null,
                0,
                wanted.gatherRate() == null ? 0 : wanted.gatherRate());
        awaitFormer(wanted.vm());
        operations.expecting(wanted.vm(), wanted.migration());
        try {
            Vm vm = vms.prepare(record);
            expect(vm, wanted);
            vm.reached(FaultPoint.EXPECTED);
            log.info(
                    "vm={} migration={} expected from {}",
                    wanted.vm(),
                    wanted.migration(),
                    wanted.source().host());
        } catch (IOException e) {
            throw new RefusedException(RefusalCode.VM_NOT_WELCOME, String.valueOf(e.getMessage()));
        } finally {
            operations.expected(wanted.vm());
        }
    }

    /** A VM may come back a moment after it has left, while its QEMU is still ending here. */
    private void awaitFormer(UUID uuid) {
        long endNs = System.nanoTime()
                + RequestTime.left(Duration.ofNanos(FORMER_NS)).toNanos();
        Vm former = vms.find(uuid);
        while (former != null && former.record().phase() == VmRecord.Phase.LEFT && System.nanoTime() - endNs < 0) {
            upkeep.sweep(former, System.nanoTime());
            LockSupport.parkNanos(LOOK_NS);
            former = vms.find(uuid);
        }
        vms.awaitFreed(uuid, endNs);
    }

    private void expect(Vm vm, PeerHosts.Incoming wanted) throws IOException {
        boolean isExpected = false;
        try {
            vm.requireTable();
            put(IncomingMigration.expected(vm, wanted, peers, releases));
            isExpected = true;
        } finally {
            if (!isExpected) { // only a migration would free it
                vms.remove(vm, "it cannot be received");
            }
        }
    }

    /** A VM that an earlier daemon served: one that was on its way here is received on. */
    void found(Vm vm) {
        VmRecord record = vm.record();
        VmRecord.Lender source = record.source();
        boolean comesHere = record.phase() == VmRecord.Phase.INCOMING || record.phase() == VmRecord.Phase.PAGED;
        if (comesHere && source != null) {
            IncomingMigration migration = new IncomingMigration(vm, source, "taken-up", peers, releases, null);
            put(migration);
            migration.resumeReceiving();
        }
    }

    private synchronized void put(IncomingMigration migration) {
        migrations.put(migration.vm().uuid(), migration);
    }

    synchronized @Nullable IncomingMigration find(UUID uuid) {
        return migrations.get(uuid);
    }

    private synchronized void forget(IncomingMigration migration) {
        migrations.remove(migration.vm().uuid(), migration);
    }

    /** True if a VM is expected here. */
    public boolean isExpected(UUID uuid) {
        IncomingMigration migration = find(uuid);
        return migration != null && migration.vm().record().phase() == VmRecord.Phase.INCOMING;
    }

    /** QEMU was started here for a VM that is expected. @throws IOException if it cannot be made to leave RAM out */
    public void qemuStarted(UUID uuid) throws IOException {
        IncomingMigration migration = find(uuid);
        if (migration != null && isExpected(uuid)) {
            migration.qemuStarted();
        }
    }

    /** The hypervisor's migration of a VM that is expected is about to begin. */
    public void streamBegins(UUID uuid) {
        IncomingMigration migration = find(uuid);
        if (migration != null) {
            migration.streamBegins();
        }
    }

    /**
     * How far a migration to here has come, for its source, which lost touch with this daemon.
     *
     * @param epoch of the owner that the VM was to have here
     */
    public PeerHosts.Arrival arrival(UUID uuid, String token, long epoch) {
        IncomingMigration migration = find(uuid);
        if (migration != null && Hello.isSameToken(migration.token(), token)) {
            return migration.arrival();
        }
        if (vms.damaged().contains(uuid)) {
            return PeerHosts.Arrival.AWAITED; // its record, which could tell, is damaged: the source keeps all pages
        }
        Vm vm = vms.find(uuid); // an earlier daemon may have received all of it
        boolean came = vm != null && !vm.isQemuGone() && vm.record().epoch() >= epoch;
        return came ? PeerHosts.Arrival.WHOLE : PeerHosts.Arrival.ABSENT;
    }

    // ---- their ends

    /** The source gave up. Does nothing for another token, or once the VM runs here. */
    public void cancel(UUID uuid, String token) {
        IncomingMigration migration = find(uuid);
        if (migration != null && Hello.isSameToken(migration.token(), token)) {
            discard(migration, "its source gave up the migration");
        }
    }

    /** Nothing has come for it, and nothing will. @return whether it was expected */
    boolean discardForsaken(Vm vm, long nowNs) {
        IncomingMigration expected = find(vm.uuid());
        if (expected == null || !expected.isForsaken(nowNs)) {
            return false;
        }
        discard(expected, "nothing came from its source");
        return true;
    }

    /** Frees what was prepared, unless the VM runs here. */
    void discard(IncomingMigration migration, String because) {
        if (migration.vm().refuseToArrive()) {
            forget(migration);
            vms.remove(migration.vm(), because);
        }
    }

    /** It is about to be freed. */
    void ended(Vm vm) {
        IncomingMigration arrived = find(vm.uuid());
        if (arrived != null && arrived.vm() == vm) { // not one that is expected since
            forget(arrived);
        }
    }
}
