package org.splitmem.memory.page;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/** A set of pages of one VM, a bit a page, in memory that the caller gives. Any thread; each change of a bit is one atomic step. */
public final class PageSet {
    private static final VarHandle WORD = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BITS = 64;

    private final ByteBuffer bits;
    private final long pages;

    /**
     * @param bits at least {@link #bytesFor} bytes, aligned to 8; what they hold is the set
     * @param pages of the VM
     */
    public PageSet(ByteBuffer bits, long pages) {
        if (pages <= 0 || bytesFor(pages) > bits.capacity()) {
            throw new IllegalArgumentException(pages + " pages do not fit a set of " + bits.capacity() + " B");
        }
        this.bits = bits;
        this.pages = pages;
    }

    /** Size of a set, whole pages. */
    public static long bytesFor(long pages) {
        return Pages.roundUp(pages / Byte.SIZE + 1);
    }

    public boolean contains(long page) {
        return (word(page) & bit(page)) != 0;
    }

    /** @return true if it was not in the set */
    public boolean add(long page) {
        return ((long) WORD.getAndBitwiseOr(bits, index(page), bit(page)) & bit(page)) == 0;
    }

    /** @return true if it was in the set */
    public boolean remove(long page) {
        return ((long) WORD.getAndBitwiseAnd(bits, index(page), ~bit(page)) & bit(page)) != 0;
    }

    /** The first page of [from, end) that is in the set, or {@code end}; pages that are not are passed 64 at a time. */
    public long next(long from, long end) {
        Objects.checkFromToIndex(from, end, pages);
        for (long page = from; page < end; page = (page | (BITS - 1)) + 1) {
            long found = word(page) >>> (page & (BITS - 1));
            if (found != 0) {
                return Math.min(end, page + Long.numberOfTrailingZeros(found));
            }
        }
        return end;
    }

    /** Pages in the set; looks at all of it. */
    public long count() {
        long n = 0;
        for (long page = 0; page < pages; page += BITS) {
            n += Long.bitCount(word(page));
        }
        return n;
    }

    public long pages() {
        return pages;
    }

    private long word(long page) {
        return (long) WORD.getVolatile(bits, index(page));
    }

    private int index(long page) {
        Objects.checkIndex(page, pages);
        return (int) (page / BITS * Long.BYTES);
    }

    private static long bit(long page) {
        return 1L << (page % BITS);
    }
}
