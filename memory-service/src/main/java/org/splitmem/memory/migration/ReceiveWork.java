package org.splitmem.memory.migration;

import org.jspecify.annotations.Nullable;
import org.splitmem.memory.operation.Work;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** A VM migrates to this host. */
final class ReceiveWork implements Work {
    private final Vm vm;
    private final String source;

    /** @param source the host it comes from */
    ReceiveWork(Vm vm, String source) {
        this.vm = vm;
        this.source = source;
    }

    @Override
    public Progress progress() {
        VmRecord.Phase phase = vm.record().phase();
        Paging paging = phase == VmRecord.Phase.PAGED ? vm.paging() : null;
        Long awaited = paging == null ? null : Pages.toBytes(paging.table().awaitedFromSource());
        return new Progress(phase.name(), awaited, 0, null, null);
    }

    @Override
    public @Nullable String end() {
        return null;
    }

    @Override
    public void cancel(String reason) throws RefusedException {
        throw new RefusedException(
                RefusalCode.NOT_CANCELLABLE,
                "VM " + vm.name() + " migrates to this host, and only " + source + " can end that: \"splitmem abort "
                        + vm.name() + "\" there, as long as the guest is there");
    }
}
