package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.operation.Operation;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.qmp.DeviceObstacles;
import org.splitmem.memory.qmp.QmpMonitor;
import org.splitmem.memory.vm.PagingSwitch;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;

/**
 * Splits VMs on the host where they are. Any thread; each call waits for the memory servers.
 *
 * <p>The order makes it safe to die at any moment: who is to lend is recorded before anybody is asked, and the VM is recorded
 * as paged only when all of them have lent, know their owner, and the page table is true. A daemon that finds a local VM with
 * lenders gives back whatever was lent.
 */
public final class Splits {
    private static final Logger log = LoggerFactory.getLogger(Splits.class);

    private final MigrationService migrations;
    private final TaskMaker tasks;
    private final PeerHosts peers;
    private final PeerHosts.Peer self;
    private final PendingReleases releases;

    Splits(
            MigrationService migrations,
            TaskMaker tasks,
            PeerHosts peers,
            PeerHosts.Peer self,
            PendingReleases releases) {
        this.migrations = migrations;
        this.tasks = tasks;
        this.peers = peers;
        this.self = self;
        this.releases = releases;
    }

    /**
     * Splits a VM that runs here, whole. When this returns it is paged here; page-outs follow.
     *
     * @throws RefusedException if it makes no sense, cannot be now, or a host did not do its part: the VM is as before then,
     *     and nothing stays reserved
     */
    public void split(Vm vm, SplitRequest request) throws RefusedException {
        TaskMaker.Split wanted = tasks.split(vm, request);
        Claims.Claim claim = migrations.claims().claim(vm.uuid(), vm.name(), Claims.Purpose.SPLIT);
        try {
            requireSplittable(vm);
            splitOrFail(vm, wanted);
        } catch (DeviceObstacles.ObstacleException e) {
            throw MigrationService.notSplittable(e);
        } catch (IOException e) {
            throw PeerRefusalException.asOurs(e, "VM " + vm.name() + " could not be split");
        } finally {
            claim.close();
        }
    }

    /** A QEMU that answers on its monitor has mapped all its RAM: none comes later, that nobody would page. */
    private void requireSplittable(Vm vm) throws IOException {
        try (QmpMonitor qemu = vm.monitor()) {
            DeviceObstacles.refuse(qemu, vm.name(), self.name());
        }
    }

    private void splitOrFail(Vm vm, TaskMaker.Split wanted) throws IOException {
        Operation operation = migrations.operations().splitting(vm);
        try {
            split(vm, wanted, operation);
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            operation.end(OperationState.FAILED, String.valueOf(e.getMessage()));
            throw e;
        }
        operation.end(OperationState.DONE, null);
    }

    private void split(Vm vm, TaskMaker.Split wanted, Operation operation) throws IOException {
        PagingSwitch paging = new PagingSwitch(vm);
        VmRecord next = paging.begin(wanted.lenders(), wanted.budgetBytes());
        try {
            reserve(vm.uuid(), vm.record().epoch(), wanted);
            vm.reached(FaultPoint.SPLIT_RESERVED);
            operation.enter(OperationState.RUNNING);
            paging.on(next);
        } catch (IOException | RuntimeException e) {
            giveUp(vm, paging, wanted.lenders());
            throw e;
        }
    }

    /** The plan for a VM that is not here yet. */
    TaskMaker.Split plan(long ramBytes, SplitRequest request) throws RefusedException {
        return tasks.split(ramBytes, request);
    }

    /** @throws IOException if a host refuses or does not answer: what was asked for until then may be reserved */
    void reserve(UUID vm, long epoch, TaskMaker.Split wanted) throws IOException {
        for (VmRecord.Lender lender : wanted.lenders()) {
            peers.reserve(
                    peers.find(lender.host()),
                    new PeerHosts.Reservation(
                            vm,
                            lender.token(),
                            epoch,
                            Pages.fromBytes(wanted.ramBytes()),
                            lender.reservedBytes(),
                            self.name(),
                            self.name()));
        }
    }

    /**
     * The same lenders, as they are reached now, for a VM's next life.
     *
     * @throws IOException if one is no peer any more
     */
    List<VmRecord.Lender> again(List<VmRecord.Lender> before) throws IOException {
        List<VmRecord.Lender> next = new ArrayList<>();
        for (VmRecord.Lender lender : before) {
            PeerHosts.Peer peer = peers.find(lender.host());
            next.add(new VmRecord.Lender(
                    peer.name(), peer.address(), peer.dataPort(), tasks.token(), lender.reservedBytes()));
        }
        return next;
    }

    PendingReleases releases() {
        return releases;
    }

    /** Has memory servers free what they lent; those that are away hear it later. */
    void giveBack(UUID vm, List<VmRecord.Lender> lenders) {
        releases.addStores(vm, lenders);
    }

    /** Has them told now, rather than in a moment. */
    void tellReleases() {
        releases.attempt(System.nanoTime());
    }

    /** Those who were not asked, or refused, are told too: an answer that was lost may have been a yes. */
    private void giveUp(Vm vm, PagingSwitch paging, List<VmRecord.Lender> lenders) {
        vm.reached(FaultPoint.SPLIT_GIVEN_UP);
        releases.addStores(vm.uuid(), lenders);
        try {
            paging.cancel();
        } catch (IOException e) {
            log.error("vm={} it runs on whole, but not everything is as before: {}", vm.uuid(), e.getMessage());
        }
        releases.attempt(System.nanoTime());
    }

    /**
     * A split that failed, and could not be undone as the disk failed, too, is undone now: the record still names memory servers, and the VM would
     * pass for a split one as soon as it leaves. By who holds the VM.
     */
    void requireNoneHalfMade(Vm vm) throws RefusedException {
        if (!vm.record().wasBeingSplit()) {
            return;
        }
        try {
            new PagingSwitch(vm).cancel();
        } catch (IOException e) {
            throw new RefusedException(
                    RefusalCode.VM_BUSY,
                    "VM " + vm.name()
                            + " cannot migrate now: a split of it has failed, and its record cannot be written: "
                            + e.getMessage());
        }
    }

    /** A VM that an earlier daemon served: if that died in the middle of a split, nothing came of it. */
    void found(Vm vm) throws IOException {
        VmRecord record = vm.record();
        if (record.wasBeingSplit()) {
            log.info("vm={} its split was not finished: it stays whole", vm.uuid());
            releases.addStores(vm.uuid(), record.lenders());
            new PagingSwitch(vm).cancel();
        }
    }
}
