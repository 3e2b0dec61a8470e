package org.splitmem.memory.page;

/** The one page size, and conversions between pages and bytes. */
public final class Pages {
    public static final int SHIFT = 12;
    public static final int SIZE = 1 << SHIFT;

    private Pages() {}

    public static long toBytes(long pages) {
        return pages << SHIFT;
    }

    /** Whole pages in a number of bytes. */
    public static long fromBytes(long bytes) {
        return bytes >>> SHIFT;
    }

    /** The length of whole pages that so many bytes need. */
    public static long roundUp(long bytes) {
        return (bytes + SIZE - 1) >>> SHIFT << SHIFT;
    }

    /** @throws IllegalArgumentException if the length is not a positive number of whole pages */
    public static long exactly(String what, long bytes) {
        if (bytes <= 0 || (bytes & (SIZE - 1)) != 0) {
            throw new IllegalArgumentException(what + " must be a positive multiple of " + SIZE + " bytes: " + bytes);
        }
        return bytes >>> SHIFT;
    }
}
