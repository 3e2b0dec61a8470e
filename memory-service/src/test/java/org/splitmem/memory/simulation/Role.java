package org.splitmem.memory.simulation;

/** What a host is to a migration. */
enum Role {
    SOURCE,
    DESTINATION,
    /** The first of them. */
    SUB_HOST
}
