package org.splitmem.memory.migration;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.qmp.QmpMonitor;
import org.splitmem.memory.vm.Outbound;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;

/**
 * A migration from here that an earlier daemon did not live to end, or this one failed to end, settled with the VM's QEMU and its
 * destination.
 */
final class InterruptedMigration {
    private static final Logger log = LoggerFactory.getLogger(InterruptedMigration.class);

    private final Vm vm;
    private final PeerHosts peers;
    private final VmOperations operations;

    InterruptedMigration(Vm vm, PeerHosts peers, VmOperations operations) {
        this.vm = vm;
        this.peers = peers;
        this.operations = operations;
    }

    /**
     * Of a VM that is leaving, or has left and is still fetched from, by the rules of {@link HypervisorMigration}. Decides nothing as long
     * as it is not certain where the guest is.
     *
     * @throws IOException if QEMU or the destination does not answer, or what was decided cannot be recorded
     */
    void decide() throws IOException {
        if (vm.isQemuGone()) {
            decideWithoutQemu();
            return;
        }
        try (QmpMonitor monitor = vm.monitor()) {
            boolean runs = monitor.isRunning(); // also after the handover, if the hypervisor found that it had failed
            if (runs
                    || (vm.record().mayBeFetchedFrom()
                            && !monitor.isMigrating()
                            && arrival() == PeerHosts.Arrival.ABSENT)) {
                monitor.ignoreShared(false);
                stays();
                log.info("vm={} {} here: its migration was not completed", vm.uuid(), runs ? "runs on" : "is");
            }
        }
    }

    private void stays() throws IOException {
        new Outbound(vm).unwatch(); // a migration of this daemon's that failed may still watch it
        new Outbound(vm).stays();
    }

    /** It may have done its part and ended, or the VM was ended. What is not needed any more is upkeep's to free. */
    private void decideWithoutQemu() throws IOException {
        PeerHosts.Arrival arrival = arrival();
        if (arrival == PeerHosts.Arrival.ABSENT) {
            log.warn(
                    "vm={} runs nowhere any more: its QEMU has ended here, and there is none at its destination",
                    vm.uuid());
            operations.runsNowhere(vm); // first: its record says the same as of one that has left
        } else if (isThere(arrival) && vm.record().phase() == VmRecord.Phase.LEAVING) {
            log.info("vm={} is handed over: its QEMU has ended after the switch-over", vm.uuid());
        }
        if (arrival == PeerHosts.Arrival.ABSENT && vm.record().leavesSplit()) {
            stays(); // its sub-hosts are this host's to release, as those of any VM that has ended
            return;
        }
        if (arrival != PeerHosts.Arrival.AWAITED && vm.record().phase() == VmRecord.Phase.LEAVING) {
            new Outbound(vm).left();
        }
        if (arrival == PeerHosts.Arrival.ABSENT || arrival == PeerHosts.Arrival.WHOLE) {
            new Outbound(vm).fetched();
        }
    }

    private static boolean isThere(PeerHosts.Arrival arrival) {
        return switch (arrival) {
            case LOADED, OWNED, WHOLE -> true;
            case AWAITED, ABSENT -> false;
        };
    }

    private PeerHosts.Arrival arrival() throws IOException {
        VmRecord record = vm.record();
        VmRecord.Lender how = record.source();
        String destination = record.destination();
        if (how == null || destination == null) {
            throw new IOException("the record of VM " + record.name() + " does not say where it was leaving to");
        }
        return peers.arrival(peers.find(destination), record.uuid(), how.token(), record.epoch() + 1);
    }

    /**
     * QEMU is to send RAM when it migrates or is saved, whatever was set earlier. A migration that began with that is cancelled: what it
     * writes has no RAM in it.
     *
     * @throws IOException if QEMU does not confirm
     */
    static void sendRamAgain(Vm vm) throws IOException {
        try (QmpMonitor monitor = vm.monitor()) {
            if (monitor.ignoresShared() && monitor.isMigrating()) {
                log.error(
                        "vm={} a migration of its QEMU that is not splitmem's leaves its RAM out, and is cancelled",
                        vm.uuid());
                monitor.cancelMigration();
            }
            monitor.ignoreShared(false);
            vm.mayLeaveRamOut(false);
        } catch (IOException e) {
            throw new IOException("QEMU may still leave RAM out of its migrations: " + e.getMessage(), e);
        }
    }
}
