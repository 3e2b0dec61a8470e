package org.splitmem.bridge.migration;

import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/**
 * What Nova wants of us: a VM on a host.
 *
 * @param vm with the host that runs it now or, for one that starts, is to
 * @param extraSpecs of its flavor, all of them
 * @param novaMigration uuid of Nova's own record of the migration; absent if there is none, or Nova did not say
 */
public record PlanInput(
        Vm vm, Map<String, String> extraSpecs, @Nullable UUID novaMigration) {
    public PlanInput {
        extraSpecs = Map.copyOf(extraSpecs);
    }

    /** @throws RefusedException if they are wrong, or ask for what is not there yet */
    ExtraSpecs specs() throws RefusedException {
        ExtraSpecs specs;
        try {
            specs = ExtraSpecs.of(extraSpecs);
            ExtraSpecs.checkMainShare(extraSpecs, vm.ramMb(), vm.mainMb());
        } catch (IllegalArgumentException e) {
            throw Refusals.of(RefusalCode.INVALID_EXTRA_SPEC, e.getMessage() + "");
        }
        if (!specs.enabled()) {
            throw Refusals.of(RefusalCode.NOT_ENABLED, "the flavor has no splitmem:enabled=true");
        }
        if (specs.replicas() > 1) {
            throw Refusals.of(
                    RefusalCode.REPLICAS_NOT_SUPPORTED,
                    "extra spec splitmem:replicas = " + specs.replicas()
                            + ": must be 1, splitmemd keeps one copy of a page");
        }
        return specs;
    }
}
