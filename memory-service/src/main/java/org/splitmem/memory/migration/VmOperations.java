package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.operation.Operation;
import org.splitmem.memory.operation.Operation.Subject;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.operation.Work;
import org.splitmem.memory.vm.PullState;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRecord.Lender;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.DataSize;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;

/**
 * The operations of the VMs that are here, kept as the VMs' records say. Any thread.
 *
 * <p>Split and migrate are begun and ended by what does them; only what became of those that an earlier daemon left is concluded here. That a
 * VM is received, gathered, or moved between its memory servers is a state of its record, which outlives the daemon, whoever has
 * brought it about.
 */
public final class VmOperations implements Operations.Follower {
    private final Operations operations;
    private final VmRegistry vms;
    private final String self;
    private final LenderChanges lenders;
    private final RecoveredOperations recovered;

    /** The migrations of VMs that are about to be received. */
    private final Map<UUID, String> expected = new ConcurrentHashMap<>();

    /** Gathers that an earlier daemon began, and that go on here. */
    private final Set<String> resumed = new HashSet<>();

    VmOperations(Operations operations, VmRegistry vms, String self, LenderChanges lenders) {
        this.operations = operations;
        this.vms = vms;
        this.self = self;
        this.lenders = lenders;
        this.recovered = new RecoveredOperations(self);
        vms.tellEnds(this::gone);
        operations.follow(this);
    }

    /** All of this host. */
    public Operations all() {
        return operations;
    }

    // ---- begun by what does them

    Operation migrating(Vm vm, MigrationTask task) {
        return operations.begin(
                subject(
                        UUID.fromString(task.id()),
                        OperationKind.MIGRATE,
                        vm,
                        self,
                        task.destination().name()),
                OperationState.PREPARING,
                null);
    }

    Operation splitting(Vm vm) {
        return operations.begin(
                subject(null, OperationKind.SPLIT, vm, self, null), OperationState.PREPARING, new SplitWork(vm.name()));
    }

    private static Subject subject(
            @Nullable UUID id, OperationKind kind, Vm vm, @Nullable String from, @Nullable String to) {
        return new Subject(id, kind, vm.uuid(), vm.name(), from, to);
    }

    /** What a VM that is about to be prepared is to be called by. */
    void expecting(UUID vm, String migration) {
        expected.put(vm, migration);
    }

    /** It was prepared, or not. */
    void expected(UUID uuid) {
        Vm vm = vms.find(uuid);
        if (vm != null) {
            follow(vm);
        }
        expected.remove(uuid);
    }

    // ---- states of records

    @Override
    public void follow() {
        vms.all().forEach(this::follow);
        for (Operation operation : operations.running()) {
            UUID vm = operation.vm();
            if (vm != null && vms.find(vm) == null) {
                String frozen = vms.damaged().all().get(vm);
                missing(operation, frozen == null ? "the VM is not on " + self + " any more" : frozen);
            }
        }
    }

    /** Brings a VM's operations up to date. */
    synchronized void follow(Vm vm) {
        if (vm.isStopped()) {
            return;
        }
        VmRecord record = vm.record();
        for (Operation operation : operations.running(vm.uuid())) {
            conclude(operation, vm, record);
        }
        Lender source = record.comesFrom();
        if (source != null
                && operations.running(vm.uuid(), OperationKind.RECEIVE).isEmpty()) {
            operations.begin(
                    subject(idOf(vm.uuid()), OperationKind.RECEIVE, vm, source.host(), self),
                    OperationState.RUNNING,
                    new ReceiveWork(vm, source.host()));
        }
        boolean isGathered = vm.gathering() != null && PullState.missingBytes(vm) > 0;
        if (isGathered && operations.running(vm.uuid(), OperationKind.GATHER).isEmpty()) {
            operations.begin(
                    subject(null, OperationKind.GATHER, vm, null, self),
                    OperationState.RUNNING,
                    new GatherWork(vm, this));
        }
        for (Lender lender : record.lenders()) {
            if (lender.is(Lender.Stage.LEAVING) && move(vm, lender.host()) == null) {
                operations.begin(
                        subject(null, OperationKind.MOVE_PAGES, vm, lender.host(), null),
                        OperationState.RUNNING,
                        new MoveWork(vm, lender.host(), lenders));
            }
        }
    }

    private @Nullable UUID idOf(UUID vm) {
        String migration = expected.get(vm);
        try {
            return migration == null ? null : UUID.fromString(migration);
        } catch (IllegalArgumentException e) { // of a source of another version
            return null;
        }
    }

    private @Nullable Operation move(Vm vm, String host) {
        return operations.running(vm.uuid(), OperationKind.MOVE_PAGES).stream()
                .filter(operation -> host.equals(operation.from()))
                .findFirst()
                .orElse(null);
    }

    private void conclude(Operation operation, Vm vm, VmRecord record) {
        switch (operation.kind()) {
            case SPLIT, MIGRATE -> recovered.conclude(operation, record);
            case RECEIVE -> concludeReceive(operation, record);
            case GATHER -> concludeGather(operation, vm, record);
            case MOVE_PAGES -> concludeMove(operation, vm, record);
            case DRAIN -> {} // is of no VM
        }
        if (operation.isRecovered() && !operation.isOver()) {
            Work work = workOf(operation, vm);
            if (work != null) {
                operation.isDoneBy(work);
            }
        }
    }

    private @Nullable Work workOf(Operation operation, Vm vm) {
        String from = String.valueOf(operation.from());
        return switch (operation.kind()) {
            case RECEIVE -> new ReceiveWork(vm, from);
            case GATHER -> new GatherWork(vm, this);
            case MOVE_PAGES -> new MoveWork(vm, from, lenders);
            case SPLIT, MIGRATE, DRAIN -> null;
        };
    }

    private static void concludeReceive(Operation operation, VmRecord record) {
        if (record.comesFrom() == null) {
            operation.end(OperationState.DONE, null);
        } else if (record.phase() == VmRecord.Phase.PAGED) {
            operation.enterUnlessOver(OperationState.COMPLETING); // its source may just have given it up
        }
    }

    private void concludeGather(Operation operation, Vm vm, VmRecord record) {
        switch (record.phase()) {
            case LOCAL -> operation.end(OperationState.DONE, null);
            case LEFT -> operation.end(OperationState.CANCELLED, hasMoved(record));
            case PAGED -> {
                if (PullState.isOver(vm)) {
                    pulled(operation, vm);
                }
            }
            case INCOMING, LEAVING -> {}
        }
    }

    /** Nothing comes back now. If an earlier daemon began it, and had not done it, it begins again: of a part the VM's record does not tell. */
    private void pulled(Operation operation, Vm vm) {
        boolean goesOn = operation.isRecovered() && PullState.missingBytes(vm) > 0 && !resumed.contains(operation.id());
        if (!goesOn) {
            operation.end(OperationState.DONE, null);
        } else if (PullState.resume(vm)) {
            resumed.add(operation.id());
        }
    }

    private static void concludeMove(Operation operation, Vm vm, VmRecord record) {
        switch (record.phase()) {
            case LOCAL -> operation.end(OperationState.CANCELLED, "all of VM " + vm.name() + " was gathered meanwhile");
            case LEFT -> operation.end(OperationState.CANCELLED, hasMoved(record));
            case PAGED -> {
                Lender from = record.lenders().stream()
                        .filter(lender -> lender.host().equals(operation.from()) && lender.keepsPages())
                        .findFirst()
                        .orElse(null);
                if (from == null) {
                    operation.end(OperationState.DONE, null);
                } else if (from.stage() == null) {
                    operation.end(OperationState.CANCELLED, from.host() + " keeps what it still has, as was asked");
                }
            }
            case INCOMING, LEAVING -> {}
        }
    }

    private static String hasMoved(VmRecord record) {
        return "VM " + record.name() + " has migrated to " + record.destination();
    }

    /** A VM is on this host no more. */
    private synchronized void gone(Vm vm, String because) {
        boolean hasLeft = vm.record().phase() == VmRecord.Phase.LEFT;
        for (Operation operation : operations.running(vm.uuid())) {
            if (hasLeft || operation.kind() != OperationKind.MIGRATE) {
                conclude(operation, vm, vm.record());
            }
            missing(operation, because);
        }
    }

    /** A migration from here was cut by a restart, and the VM has ended in its switch-over. */
    synchronized void runsNowhere(Vm vm) {
        for (Operation operation : operations.running(vm.uuid(), OperationKind.MIGRATE)) {
            operation.end(
                    OperationState.FAILED,
                    "VM " + vm.name() + " runs nowhere any more: its QEMU has ended on " + self
                            + " in the switch-over, and there is none at its destination");
        }
    }

    private void missing(Operation operation, String because) {
        if (operation.isOver()) {
            return;
        }
        if (operation.kind() == OperationKind.MIGRATE && operation.state() == OperationState.COMPLETING) {
            operation.end(OperationState.DONE, null);
        } else {
            operation.end(OperationState.FAILED, because);
        }
    }

    // ---- budgets

    /**
     * Changes a VM's budget: what comes back because of it is an operation, and what comes back no more was one.
     *
     * @param gatherRate see {@link VmRecord#gatherRate}
     */
    public synchronized void setBudget(Vm vm, long bytes, long gatherRate) throws IOException {
        setBudget(
                vm,
                bytes,
                gatherRate,
                "its budget was set to " + DataSize.ofBytes(bytes).rounded());
    }

    /** @param because of a gather that ends by this */
    synchronized void setBudget(Vm vm, long bytes, long gatherRate, String because) throws IOException {
        vm.setBudget(bytes, gatherRate);
        if (PullState.isOver(vm)) {
            for (Operation operation : operations.running(vm.uuid(), OperationKind.GATHER)) {
                operation.end(OperationState.CANCELLED, because);
            }
        }
        follow(vm);
    }
}
