package org.splitmem.memory.migration;

import org.jspecify.annotations.Nullable;
import org.splitmem.memory.operation.Operation;
import org.splitmem.memory.operation.Work;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusedException;

/** A VM migrates from this host. */
final class MigrationWork implements Work {
    private final MigrationReport report;
    private final MigrationService migrations;

    MigrationWork(MigrationReport report, MigrationService migrations) {
        this.report = report;
        this.migrations = migrations;
    }

    /** The operation goes where its migration has gone. */
    static void enter(Operation operation, MigrationPhase phase, String because) {
        switch (phase) {
            case PLANNED -> {} // as it begins
            case PRECOPY, READY, SWITCHOVER -> operation.enter(OperationState.RUNNING);
            case HANDOVER -> operation.enter(OperationState.COMPLETING);
            case DONE -> operation.end(OperationState.DONE, null);
            case ABORTED ->
                operation.end(operation.isCancelled() ? OperationState.CANCELLED : OperationState.FAILED, because);
            case FAILED_AFTER_HANDOVER -> operation.end(OperationState.FAILED, because);
        }
    }

    @Override
    public Progress progress() {
        MigrationInfo info = report.info();
        return new Progress(
                info.phase().name(),
                info.bytesRemaining(),
                info.rateBytesPerSecond(),
                info.etaSeconds(),
                info.reason());
    }

    @Override
    public @Nullable String end() {
        MigrationInfo info = report.info();
        return info.phase().canAbort() ? "splitmem abort " + info.id() : null;
    }

    @Override
    public void cancel(String reason) throws RefusedException {
        migrations.abort(report.info().id(), reason);
    }
}
