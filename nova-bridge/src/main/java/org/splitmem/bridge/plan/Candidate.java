package org.splitmem.bridge.plan;

import org.jspecify.annotations.Nullable;

/**
 * A host that may become a sub-host, as Placement and its daemon report it: a lender of the aggregate that is asked for.
 *
 * @param placementFreeMb MEMORY_MB that is not claimed; what the VM itself has claimed there and gives up counts as free
 * @param lendableMb what the daemon could still lend: within its limit, and really free
 * @param trouble why it must not be used now; absent: it is healthy
 * @param failureDomain hosts of the same one are likely to fail together; the host's name if nothing else is known
 * @param linkBytesPerSecond of its migration network; 0 if not known
 * @param loadPercent runnable processes per CPU, times 100; 0 if not known
 * @param latencyUs how long it takes to answer; 0 if not known
 * @param membership what it belongs to
 */
public record Candidate(
        String name,
        long placementFreeMb,
        long lendableMb,
        @Nullable String trouble,
        String failureDomain,
        long linkBytesPerSecond,
        int loadPercent,
        long latencyUs,
        Membership membership) {
    /** What it can take of a VM. */
    long roomMb() {
        return Math.min(placementFreeMb, lendableMb);
    }
}
