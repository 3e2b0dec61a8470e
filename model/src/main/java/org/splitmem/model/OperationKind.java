package org.splitmem.model;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** What changes where pages of a VM are. */
public enum OperationKind {
    /** It is split on this host, where it runs. */
    SPLIT,
    /** It migrates from this host. */
    MIGRATE,
    /** It migrates to this host. */
    RECEIVE,
    /** All of it comes to this host, its main host. */
    GATHER,
    /** One of its sub-hosts is emptied; this is its main host. */
    MOVE_PAGES,
    /** What this host keeps for VMs of others moves away. */
    DRAIN;

    /** As in the API and in commands. */
    @JsonValue
    public String text() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
