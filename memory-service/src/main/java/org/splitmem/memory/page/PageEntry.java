package org.splitmem.memory.page;

/**
 * The 16 bits kept for each page.
 *
 * <pre>
 *   bit   0-2  state, see {@link PageState}
 *   bit   3-6  home: index of a home of this VM, 0-15, see {@code home.Home} (state REMOTE, OUTGOING, PUNCHING, INCOMING; and with COPIED)
 *   bit   7    SAMPLED: its entry in QEMU's page table was dropped; the next touch faults and clears the bit;
 *              with INCOMING, IN_BULK: asked for together with many others, and no thread waits for it
 *   bit   8-10 age: with SAMPLED, visits of the clock hand in a row without a touch; without, visits that the hand shall
 *              skip the page; while a migration is planned: windows with a touch; state REMOTE: 1 if page-out sent it
 *   bit  11    COPIED, with LOCAL and OUTGOING: it came from that memory server, which has kept it as it was then
 *   bit  12    OUTDATED, with COPIED: it was written since
 *   bit  13    unused, 0
 *   bit  14    FROM_SOURCE: with INCOMING, it comes from the migration's source; set with ZERO, so that no entry that was ever written is 0
 *   bit  15    unused, 0
 * </pre>
 *
 * Entries are handled as int with the upper 16 bits zero, so that the fault path allocates nothing.
 */
public final class PageEntry {
    public static final int MAX_HOMES = 16;
    public static final int MAX_AGE = 7;

    public static final int SAMPLED = 1 << 7;
    private static final int IN_BULK = 1 << 7;
    /** Only while a migration is under way, see {@link #copied}. */
    static final int COPIED = 1 << 11;

    public static final int OUTDATED = 1 << 12;
    public static final int FROM_SOURCE = 1 << 14;
    private static final int WRITTEN_ZERO = 1 << 14;

    private static final int STATE_MASK = 7;
    private static final int HOME_SHIFT = 3;
    private static final int HOME_MASK = 15 << HOME_SHIFT;
    /** The bits that tell whether a page is REMOTE, and where. */
    static final int REMOTE_MASK = STATE_MASK | HOME_MASK;

    private static final int AGE_SHIFT = 8;
    private static final int AGE_MASK = 7 << AGE_SHIFT;

    private PageEntry() {}

    public static PageState state(int entry) {
        return PageState.of(entry & STATE_MASK);
    }

    public static int home(int entry) {
        return (entry & HOME_MASK) >>> HOME_SHIFT;
    }

    public static int age(int entry) {
        return (entry & AGE_MASK) >>> AGE_SHIFT;
    }

    public static boolean has(int entry, int flag) {
        return (entry & flag) != 0;
    }

    /** A fresh entry: this state, no home, no age, no flag. */
    public static int of(PageState state) {
        return state == PageState.ZERO ? WRITTEN_ZERO : state.code();
    }

    /** A fresh entry for a page on, or on its way from or to, home {@code home}. */
    public static int of(PageState state, int home) {
        if (home < 0 || home >= MAX_HOMES) {
            throw new IllegalArgumentException("index of a home out of range 0-15: " + home);
        }
        return of(state) | home << HOME_SHIFT;
    }

    /** Those of {@link #REMOTE_MASK} that a page on home {@code home} has. */
    static int remoteBits(int home) {
        return of(PageState.REMOTE, home);
    }

    /** A fresh entry for a page that page-out took for cold and sent to home {@code home}. */
    public static int pagedOut(int home) {
        return withAge(of(PageState.REMOTE, home), 1);
    }

    /** Whether a page that is REMOTE got there by a page-out, so that its next touch shows that it was not cold. */
    public static boolean wasPagedOut(int entry) {
        return age(entry) != 0;
    }

    /** The entry of a page that is REMOTE, once it is asked for in bulk. */
    public static int inBulk(int entry) {
        return withState(entry, PageState.INCOMING) | IN_BULK;
    }

    /** Whether a page was asked for in bulk from home {@code home}, and is neither here nor asked for in another way since. */
    public static boolean isInBulk(int entry, int home) {
        return (entry & (STATE_MASK | HOME_MASK | IN_BULK | FROM_SOURCE))
                == (PageState.INCOMING.code() | home << HOME_SHIFT | IN_BULK);
    }

    /** The entry of a page that was asked for in bulk, once it is not any more. */
    public static int notInBulk(int entry) {
        return withState(entry, PageState.REMOTE) & ~IN_BULK;
    }

    /** The same entry with home {@code home}. */
    public static int withHome(int entry, int home) {
        if (home < 0 || home >= MAX_HOMES) {
            throw new IllegalArgumentException("index of a home out of range 0-15: " + home);
        }
        return (entry & ~HOME_MASK) | home << HOME_SHIFT;
    }

    /** Whether an entry names home {@code home}: the page is there, or on its way from or to it. */
    public static boolean names(int entry, int home) {
        return switch (state(entry)) {
            case REMOTE, OUTGOING, PUNCHING -> home(entry) == home;
            case INCOMING -> !has(entry, FROM_SOURCE) && home(entry) == home;
            case ZERO, LOCAL, AT_SOURCE, FILLING -> false;
        };
    }

    /** The entry of a page that has come from home {@code home}, which keeps its copy. */
    public static int copied(int home) {
        return of(PageState.LOCAL, home) | COPIED;
    }

    /** Whether a page that is here is also on the memory server that its entry names, where it may be {@link #OUTDATED}. */
    public static boolean isCopied(int entry) {
        return has(entry, COPIED);
    }

    /** The entry of a page that is local, once it is about to leave for where its copy is, or else for home {@code home}. */
    public static int leaving(int entry, int home) {
        return isCopied(entry)
                ? withAge(withState(entry & ~SAMPLED, PageState.OUTGOING), 0)
                : of(PageState.OUTGOING, home);
    }

    /** The entry of a page that was about to leave, once it stays: the clock hand is to spare it at its next visit. */
    public static int staying(int entry) {
        return isCopied(entry) ? withAge(withState(entry, PageState.LOCAL), 1) : withAge(of(PageState.LOCAL), 1);
    }

    /** Whether a memory server has the page, and nothing here is newer: also one that is asked for stays there until it is here. */
    public static boolean isOnServer(int entry) {
        return switch (state(entry)) {
            case REMOTE, PUNCHING -> true;
            case INCOMING -> !has(entry, FROM_SOURCE);
            case ZERO, LOCAL, AT_SOURCE, OUTGOING, FILLING -> false;
        };
    }

    /** The same entry in another state. */
    public static int withState(int entry, PageState state) {
        return (entry & ~(STATE_MASK | FROM_SOURCE)) | of(state);
    }

    /**
     * The entry of a local page that was just touched: no longer SAMPLED; and if it was in use at the last visit of the clock
     * hand already, the hand is to leave it alone for the next {@code skips} visits, kept as its age.
     */
    public static int touched(int entry, int skips) {
        if (!has(entry, SAMPLED)) {
            return entry;
        }
        int kept = skips == 0 ? age(entry) : age(entry) == 0 ? skips : 0;
        return withAge(entry & ~SAMPLED, kept);
    }

    public static int withAge(int entry, int age) {
        return (entry & ~AGE_MASK) | Math.min(age, MAX_AGE) << AGE_SHIFT;
    }
}
