package org.splitmem.memory.migration;

import org.splitmem.memory.operation.Operation;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;

/** What became of splits and migrations that an earlier daemon began, and did not live to end: the VM's record says it, in the end. Stateless. */
final class RecoveredOperations {
    private final String self;

    RecoveredOperations(String self) {
        this.self = self;
    }

    /** Ends it if that is certain. Does nothing to one of this daemon's, which ends it itself. */
    void conclude(Operation operation, VmRecord record) {
        if (!operation.isRecovered()) {
            return;
        }
        if (operation.kind() == OperationKind.SPLIT) {
            concludeSplit(operation, record);
        } else {
            concludeMigration(operation, record);
        }
    }

    private void concludeSplit(Operation operation, VmRecord record) {
        switch (record.phase()) {
            case LOCAL -> {
                if (!record.wasBeingSplit()) {
                    operation.end(
                            OperationState.FAILED,
                            "splitmemd on " + self + " was restarted in the middle: VM " + record.name()
                                    + " stays whole, and nothing is reserved");
                }
            }
            case PAGED, LEAVING, LEFT -> operation.end(OperationState.DONE, null);
            case INCOMING -> {}
        }
    }

    private void concludeMigration(Operation operation, VmRecord record) {
        switch (record.phase()) {
            case LOCAL, PAGED ->
                operation.end(
                        OperationState.FAILED,
                        "splitmemd on " + self + " was restarted in the middle: VM " + record.name() + " is on " + self
                                + ", where it was");
            case LEFT -> {
                if (operation.state() == OperationState.PREPARING) {
                    operation.enter(OperationState.RUNNING); // which the journal may lack
                }
                operation.enter(OperationState.COMPLETING);
            }
            case LEAVING, INCOMING -> {}
        }
    }
}
