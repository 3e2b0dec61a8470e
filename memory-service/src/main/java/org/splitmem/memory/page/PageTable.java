package org.splitmem.memory.page;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ShortBuffer;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Where each page of one VM is: two bytes a page, in memory that outlives the daemon.
 *
 * <p>Any thread may read and step entries; every step is one atomic compare-and-set of the entry, so two threads can never
 * both win a page. The counts by state follow each step, and are exact whenever no step is under way: they are for people and
 * budgets. What memory may be freed by is {@link #awaitedFromSource} and {@link #elsewhere}, which are never too low: a page counts
 * before the step that makes it one of them, and until after the step that ends that.
 */
public final class PageTable {
    /** Of a VM: 2 TiB. */
    public static final long MOST_PAGES = 1L << 29;

    private static final int ENTRY_BYTES = 2;
    private static final VarHandle PAIR = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle FOUR = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    /** Times this, 16 bits are in each of the four entries of a long. */
    private static final long IN_EACH = 0x0001_0001_0001_0001L;

    private static final int STATES = PageState.values().length;

    private final ByteBuffer entries;
    private final long pages;
    private final AtomicLongArray byState = new AtomicLongArray(STATES);
    private final AtomicLong awaited = new AtomicLong();
    private final AtomicLong elsewhere = new AtomicLong();
    private long unwritten;
    private final AtomicLongArray remoteByHost = new AtomicLongArray(PageEntry.MAX_HOMES);

    /**
     * @param entries at least {@link #bytesFor} bytes of page-aligned memory; kept, and counted now
     * @param pages pages of the VM, at most {@link #MOST_PAGES}
     */
    public PageTable(ByteBuffer entries, long pages) {
        if (pages <= 0 || bytesFor(pages) > entries.capacity()) {
            throw new IllegalArgumentException(pages + " pages do not fit a table of " + entries.capacity() + " B");
        }
        this.entries = entries;
        this.pages = pages;
        recount();
    }

    /** Makes a new table of memory: no page is anywhere. */
    public static PageTable make(ByteBuffer entries, long pages) {
        ShortBuffer all = entries.duplicate().order(ByteOrder.LITTLE_ENDIAN).asShortBuffer();
        short zero = (short) PageEntry.of(PageState.ZERO);
        for (int page = 0; page < pages; page++) {
            all.put(page, zero);
        }
        return new PageTable(entries, pages);
    }

    /** Size of a table, whole pages. */
    public static long bytesFor(long pages) {
        return Pages.roundUp(pages * ENTRY_BYTES);
    }

    private void recount() {
        long[] states = new long[STATES];
        long[] hosts = new long[PageEntry.MAX_HOMES];
        long fromSource = 0;
        long notHere = 0;
        for (long page = 0; page < pages; page++) {
            int entry = get(page);
            unwritten += entry == 0 ? 1 : 0;
            states[PageEntry.state(entry).code()]++;
            if (PageEntry.state(entry) == PageState.REMOTE) {
                hosts[PageEntry.home(entry)]++;
            }
            fromSource += isAwaited(entry) ? 1 : 0;
            notHere += isElsewhere(entry) ? 1 : 0;
        }
        awaited.set(fromSource);
        elsewhere.set(notHere);
        for (int i = 0; i < STATES; i++) {
            byState.set(i, states[i]);
        }
        for (int i = 0; i < hosts.length; i++) {
            remoteByHost.set(i, hosts[i]);
        }
    }

    public long pages() {
        return pages;
    }

    /** Entries that were 0 when this was made of memory: no daemon has written them, so nothing is known of their pages. */
    public long unwrittenEntries() {
        return unwritten;
    }

    /** The entry of a page, see {@link PageEntry}. */
    public int get(long page) {
        Objects.checkIndex(page, pages);
        int pair = (int) PAIR.getVolatile(entries, pairIndex(page));
        return pair >>> shift(page) & 0xFFFF;
    }

    /** The first page of [from, end) that is REMOTE on a memory server, or {@code end}; entries are looked at four at a time. */
    public long nextRemote(long from, long end, int host) {
        Objects.checkFromToIndex(from, end, pages);
        long wanted = PageEntry.remoteBits(host) * IN_EACH;
        for (long page = from; page < end; page = (page | 3) + 1) {
            long four = (long) FOUR.getVolatile(entries, (int) (page >>> 2 << 3));
            long others =
                    (four & PageEntry.REMOTE_MASK * IN_EACH) ^ wanted; // 0 in each that is wanted, and 7 bits at most
            long found = ~(others + 0x7FFF * IN_EACH) & ~(0x7FFF * IN_EACH); // the topmost bit of these
            found = found >>> ((page & 3) << 4);
            if (found != 0) {
                return Math.min(end, page + (Long.numberOfTrailingZeros(found) >>> 4));
            }
        }
        return end;
    }

    /** The first page of [from, end) that is {@link PageEntry#isCopied copied}, or {@code end}; entries are looked at four at a time. */
    public long nextCopied(long from, long end) {
        Objects.checkFromToIndex(from, end, pages);
        for (long page = from; page < end; page = (page | 3) + 1) {
            long found = (long) FOUR.getVolatile(entries, (int) (page >>> 2 << 3)) & PageEntry.COPIED * IN_EACH;
            found = found >>> ((page & 3) << 4);
            if (found != 0) {
                return Math.min(end, page + (Long.numberOfTrailingZeros(found) >>> 4));
            }
        }
        return end;
    }

    /** The guest has written a page: what a memory server may have of it is outdated, and if it was about to leave it stays. */
    public void written(long page) {
        int entry = get(page);
        while (PageEntry.isCopied(entry) || PageEntry.state(entry) == PageState.OUTGOING) {
            int stays = PageEntry.state(entry) == PageState.OUTGOING ? PageEntry.staying(entry) : entry;
            if (step(page, entry, PageEntry.isCopied(stays) ? stays | PageEntry.OUTDATED : stays)) {
                return;
            }
            entry = get(page);
        }
    }

    /** Whether any entry names a memory server, see {@link PageEntry#names}. Looks at all of them. */
    public boolean names(int host) {
        for (long page = 0; page < pages; page++) {
            if (PageEntry.names(get(page), host)) {
                return true;
            }
        }
        return false;
    }

    /** Replaces an entry if it is still {@code expected}. @return false if another thread was first */
    public boolean step(long page, int expected, int next) {
        Objects.checkIndex(page, pages);
        int index = pairIndex(page);
        int shift = shift(page);
        int mask = 0xFFFF << shift;
        int pair = (int) PAIR.getVolatile(entries, index);
        if ((pair & mask) >>> shift != expected) {
            return false;
        }
        enter(expected, next);
        while ((pair & mask) >>> shift == expected) {
            int updated = (pair & ~mask) | next << shift;
            int seen = (int) PAIR.compareAndExchange(entries, index, pair, updated);
            if (seen == pair) {
                leave(expected, next);
                count(expected, next);
                return true;
            }
            pair = seen; // maybe only the neighbour moved
        }
        leave(next, expected);
        return false;
    }

    /** Before an entry may change: what it is about to become counts already. */
    private void enter(int before, int after) {
        if (isAwaited(after) && !isAwaited(before)) {
            awaited.incrementAndGet();
        }
        if (isElsewhere(after) && !isElsewhere(before)) {
            elsewhere.incrementAndGet();
        }
    }

    /** After an entry has changed: what it was counts no longer. */
    private void leave(int before, int after) {
        if (isAwaited(before) && !isAwaited(after)) {
            awaited.decrementAndGet();
        }
        if (isElsewhere(before) && !isElsewhere(after)) {
            elsewhere.decrementAndGet();
        }
    }

    /**
     * Changes a page's state if it is {@code from}, and keeps what else the entry says, whatever happens to that meanwhile.
     *
     * @return false if it was in another state
     */
    public boolean change(long page, PageState from, PageState to) {
        while (true) {
            int entry = get(page);
            if (PageEntry.state(entry) != from) {
                return false;
            }
            if (step(page, entry, PageEntry.withState(entry, to))) {
                return true;
            }
        }
    }

    /** Replaces an entry whatever it was. For phases in which this thread is the only writer. @return the entry before */
    public int put(long page, int next) {
        while (true) {
            int entry = get(page);
            if (step(page, entry, next)) {
                return entry;
            }
        }
    }

    private void count(int before, int after) {
        int from = PageEntry.state(before).code();
        int to = PageEntry.state(after).code();
        if (from != to) {
            byState.decrementAndGet(from);
            byState.incrementAndGet(to);
        }
        countRemote(before, -1);
        countRemote(after, 1);
    }

    private static boolean isAwaited(int entry) {
        return switch (PageEntry.state(entry)) {
            case AT_SOURCE -> true;
            case INCOMING -> PageEntry.has(entry, PageEntry.FROM_SOURCE);
            case ZERO, LOCAL, REMOTE, OUTGOING, PUNCHING, FILLING -> false;
        };
    }

    private static boolean isElsewhere(int entry) {
        PageState state = PageEntry.state(entry);
        return state != PageState.LOCAL && state != PageState.ZERO;
    }

    private void countRemote(int entry, int delta) {
        if (PageEntry.state(entry) == PageState.REMOTE) {
            remoteByHost.addAndGet(PageEntry.home(entry), delta);
        }
    }

    public long count(PageState state) {
        return byState.get(state.code());
    }

    /** Pages whose authoritative copy is on memory server {@code host}; page-ins under way are not counted. */
    public long countRemote(int host) {
        return remoteByHost.get(host);
    }

    /** Pages that are still to come from a migration's source, those on their way included. Never too low. */
    public long awaitedFromSource() {
        return awaited.get();
    }

    /** Pages that are not simply here, or nowhere as all zero: on another host, or on their way. Never too low. */
    public long elsewhere() {
        return elsewhere.get();
    }

    /** Pages that take up memory on this host. */
    public long resident() {
        return count(PageState.LOCAL)
                + count(PageState.OUTGOING)
                + count(PageState.PUNCHING)
                + count(PageState.INCOMING)
                + count(PageState.FILLING);
    }

    private static int pairIndex(long page) {
        return (int) (page >>> 1 << 2);
    }

    private static int shift(long page) {
        return (int) (page & 1) << 4;
    }
}
