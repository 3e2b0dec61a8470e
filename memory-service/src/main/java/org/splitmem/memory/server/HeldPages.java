package org.splitmem.memory.server;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.wire.RunList;

/** One bit a page: does the store hold it? Kept in a mapped file; any thread. */
final class HeldPages {
    private static final VarHandle WORD = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BITS = 64;

    private final ByteBuffer bits;
    private final long pages;

    HeldPages(ByteBuffer bits, long pages) {
        this.bits = bits;
        this.pages = pages;
    }

    /** Bytes needed, whole pages. */
    static long bytesFor(long pages) {
        return Pages.roundUp(pages / 8 + 1);
    }

    boolean contains(long page) {
        return (word(page) & bit(page)) != 0;
    }

    /** @return true if it was not held before */
    boolean add(long page) {
        return ((long) WORD.getAndBitwiseOr(bits, index(page), bit(page)) & bit(page)) == 0;
    }

    /** @return true if it was held before */
    boolean remove(long page) {
        return ((long) WORD.getAndBitwiseAnd(bits, index(page), ~bit(page)) & bit(page)) != 0;
    }

    long count() {
        long n = 0;
        for (long page = 0; page < pages; page += BITS) {
            n += Long.bitCount(word(page));
        }
        return n;
    }

    /**
     * Lists held pages from {@code from} on until the list is full.
     *
     * @return the page up to which everything is listed
     */
    long list(long from, RunList into) {
        into.clear();
        long page = from;
        while (page < pages) {
            if (page % BITS == 0 && word(page) == 0) {
                page += BITS;
                continue;
            }
            if (contains(page)) {
                if (into.isFull()) {
                    return page;
                }
                into.add(page);
            }
            page++;
        }
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
