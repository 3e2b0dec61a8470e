package org.splitmem.memory.migration;

import org.jspecify.annotations.Nullable;
import org.splitmem.memory.operation.Work;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.RefusedException;

/** A memory server of a VM is emptied onto others; housekeeping moves the pages. */
final class MoveWork implements Work {
    private final Vm vm;
    private final String from;
    private final LenderChanges lenders;

    /** @param from the memory server's host */
    MoveWork(Vm vm, String from, LenderChanges lenders) {
        this.vm = vm;
        this.from = from;
        this.lenders = lenders;
    }

    @Override
    public Progress progress() {
        VmRecord record = vm.record();
        String phase = record.phase().name();
        MoveInfo move = info(record);
        return move == null
                ? Progress.of(phase)
                : new Progress(
                        phase, move.bytesRemaining(), move.rateBytesPerSecond(), move.etaSeconds(), move.trouble());
    }

    private @Nullable MoveInfo info(VmRecord record) {
        return vm.moves(record).stream()
                .filter(move -> move.from().equals(from))
                .findFirst()
                .orElse(null);
    }

    @Override
    public @Nullable String end() {
        return lenders.mayKeep(from) ? "splitmem move-pages " + vm.name() + " --from " + from + " --cancel" : null;
    }

    @Override
    public void cancel(String reason) throws RefusedException {
        lenders.keep(vm, from);
    }
}
