package org.splitmem.memory.migration;

import org.jspecify.annotations.Nullable;
import org.splitmem.memory.operation.Work;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** A VM is just being split where it is: who asked for it waits for the end. */
final class SplitWork implements Work {
    private final String name;

    SplitWork(String name) {
        this.name = name;
    }

    @Override
    public Progress progress() {
        return Progress.of("SPLITTING");
    }

    @Override
    public @Nullable String end() {
        return null;
    }

    @Override
    public void cancel(String reason) throws RefusedException {
        throw new RefusedException(
                RefusalCode.NOT_CANCELLABLE,
                "VM " + name + " is just being split, which ends within seconds; \"splitmem gather " + name
                        + "\" makes it whole again");
    }
}
