package org.splitmem.bridge.store;

import java.util.Locale;

/** Where a migration is, as the bridge sees it. */
public enum Status {
    /** Its sub-hosts are being chosen and booked. */
    PLANNING,
    /** Booked on both sides, not started. */
    PLANNED,
    /** Given to the source's splitmemd. */
    RUNNING,
    /** The VM runs at the destination; all its pages are in their places, unless the reason says that some are left at the source. */
    COMPLETED,
    /** The VM runs on at its source. */
    FAILED,
    /** As FAILED, and somebody asked for it. */
    ABORTED,
    /** Planned, and never started, or replaced by another plan. */
    EXPIRED;

    public boolean isOver() {
        return compareTo(COMPLETED) >= 0;
    }

    /** As in JSON and in the database. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @throws IllegalArgumentException if there is no such status */
    public static Status of(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT));
    }
}
