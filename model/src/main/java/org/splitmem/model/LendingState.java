package org.splitmem.model;

/** What a host does with the memory that it lends. */
public enum LendingState {
    /** What is reserved is within the limit. */
    LENDING,
    /** More is reserved than it is to lend: VMs move away until it is not. */
    SHRINKING,
    /** It lends nothing new, and all that it keeps for other hosts moves away. */
    DRAINING,
    /** It is drained, and lends nothing new. */
    EMPTY
}
