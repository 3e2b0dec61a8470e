package org.splitmem.bridge.plan;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What has to find room.
 *
 * @param mainHost where the VM is to run; never a sub-host
 * @param source where it runs now; never a sub-host; absent for one that starts
 * @param ramMb all of its RAM
 * @param mainMb of it, what Nova has claimed on the main host
 * @param mainFreeMb MEMORY_MB that is free on the main host beyond that
 * @param rules how the cloud is cut
 * @param holders hosts that keep pages of the VM now; preferred among equals
 */
public record PlanRequest(
        String mainHost,
        @Nullable String source,
        long ramMb,
        long mainMb,
        long mainFreeMb,
        ExtraSpecs specs,
        CloudRules rules,
        Set<String> holders) {
    public PlanRequest {
        if (mainMb < 1 || ramMb < mainMb) {
            throw new IllegalArgumentException(
                    "main_mb must be from 1 to ram_mb: main_mb " + mainMb + ", ram_mb " + ramMb);
        }
        holders = Set.copyOf(holders);
    }

    /** What has to go somewhere besides the main share. */
    public long remainderMb() {
        return ramMb - mainMb;
    }
}
