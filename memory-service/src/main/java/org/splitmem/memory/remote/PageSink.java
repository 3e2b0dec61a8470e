package org.splitmem.memory.remote;

/** Where pages that were asked for arrive. Called on the client's receiving thread, which must not wait. */
public interface PageSink {
    /** Where the page's 4,096 bytes go; nobody else writes there until one of the calls below. */
    long address(long page);

    /**
     * All bytes of the page are at its address.
     *
     * @param crc32c what the sender computed when it stored the page; to be checked before anybody sees the page
     * @param askedNs {@link System#nanoTime} of the request
     */
    void arrived(long page, int crc32c, long askedNs);

    /** The peer does not have the page. */
    void failed(long page, String reason);
}
