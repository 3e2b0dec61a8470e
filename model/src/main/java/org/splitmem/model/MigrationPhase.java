package org.splitmem.model;

import java.util.EnumSet;
import java.util.Set;

/**
 * Where a migration is. {@link #leadsTo} is the table of its path:
 *
 * <pre>
 *   PLANNED    -> PRECOPY, ABORTED
 *   PRECOPY    -> READY, ABORTED
 *   READY      -> SWITCHOVER, ABORTED
 *   SWITCHOVER -> HANDOVER, ABORTED
 *   HANDOVER   -> DONE, ABORTED, FAILED_AFTER_HANDOVER
 * </pre>
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
    ABORTED,
    /**
     * The VM is at the destination, but what its source had to do after that failed again and again. The source goes on serving the pages
     * that are left there, and has to stay up until it has freed them.
     */
    FAILED_AFTER_HANDOVER;

    /** Whether a migration in this phase may enter that one next. */
    public boolean leadsTo(MigrationPhase next) {
        return following().contains(next);
    }

    private Set<MigrationPhase> following() {
        return switch (this) {
            case PLANNED -> EnumSet.of(PRECOPY, ABORTED);
            case PRECOPY -> EnumSet.of(READY, ABORTED);
            case READY -> EnumSet.of(SWITCHOVER, ABORTED);
            case SWITCHOVER -> EnumSet.of(HANDOVER, ABORTED);
            case HANDOVER -> EnumSet.of(DONE, ABORTED, FAILED_AFTER_HANDOVER);
            case DONE, ABORTED, FAILED_AFTER_HANDOVER -> EnumSet.noneOf(MigrationPhase.class);
        };
    }

    public boolean isOver() {
        return following().isEmpty();
    }

    /** True while an abort leaves the VM running at its source. */
    public boolean canAbort() {
        return compareTo(HANDOVER) < 0;
    }
}
