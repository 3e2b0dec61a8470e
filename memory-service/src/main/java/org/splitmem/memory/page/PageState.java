package org.splitmem.memory.page;

/**
 * Where the one authoritative copy of a page is. The numbers are stored and must not change.
 *
 * <pre>
 *   ZERO      -> FILLING            a fault; the kernel is asked for a zero page
 *   FILLING   -> LOCAL              it is there                       (found after a crash: LOCAL if the file has it, else ZERO)
 *   LOCAL     -> OUTGOING(k)        zapped and cold: it is being sent to memory server k
 *   OUTGOING  -> LOCAL              the guest touched it: page-out cancelled          (found after a crash: LOCAL)
 *   OUTGOING  -> PUNCHING(k)        server k acknowledged it; faults wait             (found after a crash: punch, REMOTE)
 *   PUNCHING  -> REMOTE(k)          the local copy is gone
 *   OUTGOING  -> FILLING            it is all zero: no server has it; faults wait     (found after a crash: as above)
 *   FILLING   -> ZERO               the local copy is gone
 *   REMOTE(k) -> INCOMING(k)        a fault or read-ahead: asked for      (found after a crash: drop the partial copy, REMOTE)
 *   INCOMING  -> REMOTE(k)          asked for in bulk, and it did not come: server k was lost sight of
 *   AT_SOURCE -> INCOMING(source)   asked for, or arriving by itself  (found after a crash: AT_SOURCE)
 *   INCOMING  -> LOCAL              arrived whole and verified
 *   LOCAL     -> FILLING            the guest gave it back: QEMU frees it; faults wait     (found after a crash: as above)
 *   REMOTE(k) -> REMOTE(l)          server l has fetched it from server k, which is then to drop it
 *   REMOTE(k) -> PUNCHING(k)        the guest gave it back; faults wait   (found after a crash: REMOTE)
 *   PUNCHING  -> ZERO               QEMU knows that it is gone; then server k is to drop it
 *   any       -> AT_SOURCE          at handover, while sealed: written at the source after it was last sent
 * </pre>
 */
public enum PageState {
    /** Never written, or all zero: nowhere. */
    ZERO(0),
    /** In this host's RAM file. */
    LOCAL(1),
    /** On the memory server that the entry names. */
    REMOTE(2),
    /** Handed over, but not arrived: on the migration's source. */
    AT_SOURCE(3),
    /** Authoritative here, and a copy is on its way to a memory server. */
    OUTGOING(4),
    /** Asked for, authoritative where it comes from. */
    INCOMING(5),
    /** Authoritative on the memory server; the local copy is being freed. */
    PUNCHING(6),
    /** All zero, and becoming a local page, or ceasing to be one: the file alone tells which. */
    FILLING(7);

    private static final PageState[] BY_CODE = values();

    private final int code;

    PageState(int code) {
        this.code = code;
    }

    public int code() {
        return code;
    }

    /** @param code 0 to 7 */
    public static PageState of(int code) {
        return BY_CODE[code];
    }
}
