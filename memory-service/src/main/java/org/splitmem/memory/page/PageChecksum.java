package org.splitmem.memory.page;

/**
 * What proves that a page is what its owner had at that place, on every host that it comes to: the CRC32C of its bytes, and its number with
 * it, so that a page that was taken for another is found out, too. Made where the page is sent from first, and handed on.
 */
public final class PageChecksum {
    private PageChecksum() {}

    /** @param crc32c of the page's 4,096 bytes */
    public static int of(int crc32c, long page) {
        return crc32c ^ (int) page;
    }
}
