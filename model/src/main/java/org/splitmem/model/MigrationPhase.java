package org.splitmem.model;

/**
 * Where a migration is. Its path: PLANNED, PRECOPY, READY, SWITCHOVER, HANDOVER, DONE; until HANDOVER it can end in ABORTED instead, later
 * only if the VM comes back.
 */
public enum MigrationPhase {
    /** Accepted; the memory on the destinations is being reserved. */
    PLANNED,
    /** Rounds of copying while the guest runs. */
    PRECOPY,
    /** The remainder is small: the hypervisor may be asked to migrate. Rounds go on. */
    READY,
    /** The hypervisor is migrating; the guest's vCPUs are about to stop or have stopped. */
    SWITCHOVER,
    /** The destination owns the VM; the last pages are on their way. */
    HANDOVER,
    /** Everything is in its place and the source holds nothing any more. */
    DONE,
    /** Given up, after HANDOVER only if the hypervisor resumed the VM at its source; it is still there, unless it has ended. */
    ABORTED;

    public boolean isOver() {
        return this == DONE || this == ABORTED;
    }

    /** True while an abort leaves the VM running at its source. */
    public boolean canAbort() {
        return compareTo(HANDOVER) < 0;
    }
}
