package org.splitmem.model;

import java.util.EnumSet;
import java.util.Set;

/**
 * Where an operation is, whatever its kind. {@link #leadsTo} is the table of its path:
 *
 * <pre>
 *   PREPARING  -> RUNNING, CANCELLED, FAILED
 *   RUNNING    -> COMPLETING, DONE, CANCELLED, FAILED
 *   COMPLETING -> DONE, FAILED
 * </pre>
 */
public enum OperationState {
    /** Other hosts are asked for memory: no page has moved, and if it fails nothing has changed. */
    PREPARING,
    /** Pages move. */
    RUNNING,
    /** It cannot be cancelled any more; the last pages move. */
    COMPLETING,
    /** All pages are where they were to be. */
    DONE,
    /** Ended before its time, as was asked: what had moved may stay where it is. */
    CANCELLED,
    /** Given up; its reason says why. */
    FAILED;

    /** Whether an operation in this state may enter that one next. */
    public boolean leadsTo(OperationState next) {
        return following().contains(next);
    }

    private Set<OperationState> following() {
        return switch (this) {
            case PREPARING -> EnumSet.of(RUNNING, CANCELLED, FAILED);
            case RUNNING -> EnumSet.of(COMPLETING, DONE, CANCELLED, FAILED);
            case COMPLETING -> EnumSet.of(DONE, FAILED);
            case DONE, CANCELLED, FAILED -> EnumSet.noneOf(OperationState.class);
        };
    }

    public boolean isOver() {
        return following().isEmpty();
    }

    /** True while it can be ended before its time, if anything can end one of its kind. */
    public boolean canBeCancelled() {
        return following().contains(CANCELLED);
    }
}
