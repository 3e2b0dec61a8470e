package org.splitmem.model;

/** What a VM is to the host that is asked. */
public enum VmState {
    /** Runs here, all its memory too; also while a migration away is still copying. */
    LOCAL,
    /** Runs here, with pages on sub-hosts. */
    SPLIT,
    /** Has not started yet; when it does it is split here at once: its sub-hosts have reserved. */
    EXPECTED,
    /** Does not run, and was split here when it ended; when it starts here again it is split as it was. Nothing is reserved. */
    DEFINED,
    /** Is on its way to here. */
    INCOMING,
    /** Switching over to another host, or there already while its last pages are fetched from here. */
    OUTGOING,
    /** Its QEMU is not connected: it has just exited, or the daemon has just been restarted. */
    GONE,
    /** Its record or page table is damaged: its memory is kept, and its guest waits; splitmemd's log says why. */
    FROZEN
}
