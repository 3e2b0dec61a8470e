package org.splitmem.memory.remote;

import java.io.IOException;

/** Where pages that were asked for arrive. Called on the client's receiving thread, which must not wait. */
public interface PageSink {
    /** Where the page's 4,096 bytes go, until one of the calls below; good for one page at a time. */
    long address(long page);

    /**
     * All bytes of the page are at its address.
     *
     * @param checksum what came with it, see {@link org.splitmem.memory.page.PageChecksum}; to be checked before anybody sees the page
     * @param askedNs {@link System#nanoTime} of the request
     * @return false if the page was damaged: it is asked for again
     * @throws IOException if there is no room for it: it is asked for again, on a new connection
     */
    boolean arrived(long page, int checksum, long askedNs) throws IOException;

    /**
     * The peer, which the VM has left, has not the page: a memory server has it.
     *
     * @param host its index
     * @return false if the VM has no such memory server
     */
    default boolean isElsewhere(long page, int host, long askedNs) {
        return false; // a memory server does not know of others
    }

    /** The peer does not have the page, or sends it damaged each time. */
    void failed(long page, String reason);
}
