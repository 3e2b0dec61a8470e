package org.splitmem.memory.migration;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.vm.PagingSwitch;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;

/** What is done now and then about VMs that nobody else holds: those that have ended, are whole again, or are not settled. Any thread. */
final class MigrationUpkeep {
    private static final Logger log = LoggerFactory.getLogger(MigrationUpkeep.class);

    private final MigrationService migrations;
    private final PeerHosts peers;
    private final Claims claims;
    private final PendingReleases releases;
    private final LenderChanges lenders;
    private final UnsettledVms unsettled = new UnsettledVms();

    MigrationUpkeep(
            MigrationService migrations,
            PeerHosts peers,
            Claims claims,
            PendingReleases releases,
            LenderChanges lenders) {
        this.lenders = lenders;
        this.migrations = migrations;
        this.peers = peers;
        this.claims = claims;
        this.releases = releases;
    }

    /** Does what is to be done about a VM, unless another holds it. */
    void sweep(Vm vm, long nowNs) {
        Claims.Claim claim = claims.claimAtOnce(vm.uuid(), Claims.Purpose.UPKEEP);
        if (claim == null) {
            return;
        }
        if (isUnsettled(vm)) {
            unsettled.settle(
                    vm,
                    claim,
                    "interrupted-",
                    () -> new InterruptedMigration(vm, peers, migrations.operations()).decide());
            return;
        }
        try {
            sweepClaimed(vm, nowNs);
        } catch (IOException e) {
            log.warn("vm={} upkeep failed: {}", vm.uuid(), e.getMessage());
        } finally {
            claim.close();
        }
        if (isOwned(vm) && vm.mayLeaveRamOut() && vm.session() != null) {
            takenUp(vm);
        }
    }

    /** Where the guest is has to be found out, or its QEMU should have ended and has not. */
    private static boolean isUnsettled(Vm vm) {
        VmRecord record = vm.record();
        return record.mayBeFetchedFrom() || (record.phase() == VmRecord.Phase.LEFT && record.hasQemu());
    }

    private static boolean isOwned(Vm vm) {
        VmRecord.Phase phase = vm.record().phase();
        return !vm.isStopped() && (phase == VmRecord.Phase.LOCAL || phase == VmRecord.Phase.PAGED);
    }

    private void sweepClaimed(Vm vm, long nowNs) throws IOException {
        VmRecord record = vm.record();
        if (migrations.incoming().discardForsaken(vm, nowNs)) {
            return;
        }
        if (vm.isQemuGone()) {
            migrations.ended(vm, "its QEMU " + record.pid() + " has exited");
        } else if (record.phase() == VmRecord.Phase.PAGED) {
            lenders.settle(vm);
            new PagingSwitch(vm).off(whole -> releases.addStores(whole.uuid(), whole.lent()));
        }
    }

    /** Has QEMU send RAM again, if nobody holds the VM; else a later sweep does. */
    void takenUp(Vm vm) {
        Claims.Claim claim = claims.claimAtOnce(vm.uuid(), Claims.Purpose.UPKEEP); // before a request can find it
        if (claim != null) {
            unsettled.settle(vm, claim, "taken-up-", () -> InterruptedMigration.sendRamAgain(vm));
        }
    }
}
