package org.splitmem.memory.migration;

import java.io.IOException;
import org.splitmem.memory.operation.Work;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** Pages of a VM come back to this host because there is room for them in its budget; housekeeping fetches them. */
final class GatherWork implements Work {
    private final Vm vm;
    private final VmOperations operations;

    GatherWork(Vm vm, VmOperations operations) {
        this.vm = vm;
        this.operations = operations;
    }

    @Override
    public Progress progress() {
        String phase = vm.record().phase().name();
        GatherInfo gather = vm.gathering();
        return gather == null
                ? Progress.of(phase)
                : new Progress(
                        phase,
                        gather.bytesRemaining(),
                        gather.rateBytesPerSecond(),
                        gather.etaSeconds(),
                        gather.trouble());
    }

    @Override
    public String end() {
        return "splitmem budget " + vm.name() + " SIZE";
    }

    /** What has come stays here: it is the budget from now on. */
    @Override
    public void cancel(String reason) throws RefusedException {
        String obstacle = vm.obstacle();
        if (obstacle != null) {
            throw notCancellable("it has to be whole, as it got a device that forbids a split: " + obstacle);
        }
        Paging paging = vm.paging();
        if (paging == null || vm.gathering() == null) {
            throw notCancellable(
                    "it does not come back just now: its QEMU is not connected, or it migrates; ask again");
        }
        long bytes = Math.max(
                VmRecord.LEAST_BUDGET_BYTES, Pages.toBytes(paging.table().resident()));
        if (bytes >= vm.record().ramBytes()) {
            return; // all of it has come
        }
        try {
            operations.setBudget(vm, bytes, 0, reason);
        } catch (IOException e) {
            throw new RefusedException(
                    RefusalCode.FAILED, "the budget of VM " + vm.name() + " cannot be changed: " + e.getMessage());
        }
    }

    private RefusedException notCancellable(String why) {
        return new RefusedException(
                RefusalCode.NOT_CANCELLABLE, "the gather of VM " + vm.name() + " cannot be cancelled: " + why);
    }
}
