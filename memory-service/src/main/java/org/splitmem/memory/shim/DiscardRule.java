package org.splitmem.memory.shim;

/** What becomes of memory that QEMU discards because the guest has given it back. The numbers are sent and must not change. */
public enum DiscardRule {
    /** QEMU is refused: what it discards is not the guest's to give back, as with post-copy. */
    REFUSED(0),
    /** The kernel frees it: no page is anywhere but in the RAM files. */
    KERNEL(1),
    /** Nothing happens, and QEMU takes it for done: it is advice. */
    IGNORED(2),
    /** The shim asks this daemon for each discard, see {@link DiscardHandler}. */
    ASKED(3);

    private final int code;

    DiscardRule(int code) {
        this.code = code;
    }

    int code() {
        return code;
    }
}
