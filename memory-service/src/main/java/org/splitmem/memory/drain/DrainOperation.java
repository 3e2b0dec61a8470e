package org.splitmem.memory.drain;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.operation.Operation;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.operation.Work;
import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** That pages are to leave this host, as an operation: it goes on for as long as any are, also with the next daemon. Any thread. */
final class DrainOperation implements Operations.Follower, Work {
    private final Lending lending;
    private final Supplier<LendingInfo> view;
    private final Operations operations;

    // Guarded by this.
    private LendingState before = LendingState.DRAINING;
    private @Nullable String why;

    DrainOperation(Lending lending, Supplier<LendingInfo> view, Operations operations) {
        this.lending = lending;
        this.view = view;
        this.operations = operations;
    }

    @Override
    public synchronized void follow() {
        LendingState state = view.get().state();
        Operation running = operations.running(null, OperationKind.DRAIN).stream()
                .findFirst()
                .orElse(null);
        switch (state) {
            case DRAINING, SHRINKING -> goesOn(running);
            case EMPTY -> end(running, OperationState.DONE, null);
            case LENDING -> {
                boolean isCancelled = before == LendingState.DRAINING;
                end(
                        running,
                        isCancelled ? OperationState.CANCELLED : OperationState.DONE,
                        isCancelled ? because() : null);
            }
        }
        before = state;
    }

    private String because() {
        return why == null ? lending.self() + " is drained no more, as was asked: what is there stays" : why;
    }

    private void goesOn(@Nullable Operation running) {
        if (running == null) {
            Operation.Subject subject =
                    new Operation.Subject(null, OperationKind.DRAIN, null, null, lending.self(), null);
            operations.begin(subject, OperationState.RUNNING, this);
        } else {
            running.isDoneBy(this); // it may be an earlier daemon's
        }
    }

    private void end(@Nullable Operation running, OperationState last, @Nullable String because) {
        if (running != null) {
            running.end(last, because);
        }
        why = null;
    }

    @Override
    public Progress progress() {
        LendingInfo info = view.get();
        return new Progress(
                info.state().name(), info.leavingBytes(), info.rateBytesPerSecond(), info.etaSeconds(), trouble(info));
    }

    /** Of the VM of which most is reserved here. */
    private static @Nullable String trouble(LendingInfo info) {
        return info.leaving().stream()
                .filter(vm -> vm.trouble() != null)
                .map(LeavingVm::trouble)
                .findFirst()
                .orElse(null);
    }

    @Override
    public String end() {
        String self = lending.self();
        return lending.record().draining() ? "splitmem drain " + self + " --cancel" : "splitmem lend " + self + " SIZE";
    }

    @Override
    public void cancel(String reason) throws RefusedException {
        if (!lending.record().draining()) {
            throw new RefusedException(
                    RefusalCode.NOT_CANCELLABLE,
                    lending.self() + " has lent more than the limit that was set for it: set another, with \"" + end()
                            + "\"");
        }
        synchronized (this) {
            why = reason;
        }
        lending.cancelDrain();
    }
}
