package org.splitmem.model;

/** Where a migration is. Its path: PLANNED, PRECOPY, READY, SWITCHOVER, HANDOVER, DONE; until HANDOVER it can end in ABORTED instead. */
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
    /** Given up before handover; the VM is still at its source, unless it has ended there. */
    ABORTED;

    public boolean isOver() {
        return this == DONE || this == ABORTED;
    }

    /** True while an abort leaves the VM running at its source. */
    public boolean canAbort() {
        return compareTo(HANDOVER) < 0;
    }
}
