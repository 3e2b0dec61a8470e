package org.splitmem.memory.home;

import java.io.IOException;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.remote.PageSource;
import org.splitmem.memory.stream.Flushes;
import org.splitmem.memory.wire.RunList;

/**
 * Where pages of one VM are kept while they are not here. Any thread.
 *
 * <p>What changes there goes in order: a drop that was noted before a page is stored never deletes what was stored. Calls that may throw an
 * {@link IOException} wait for other hosts, each within its time limit, and one at a time.
 */
public interface Home extends PageSource, AutoCloseable {
    /** Begins to answer requests. */
    void start();

    /** A memory server that has all of its pages: for what is fetched from it in bulk, by this host or another. */
    Endpoint endpoint();

    /** For people. */
    default String name() {
        return endpoint().host();
    }

    /**
     * Stores pages. When it returns, they are kept as safely as this home keeps pages, but for those that are told.
     *
     * @param runs of pages that are in the RAM file
     * @param damaged told pages that did not arrive whole
     * @throws IOException then none may be taken as stored
     */
    void store(RunList runs, Flushes.Damaged damaged) throws IOException;

    /** Notes that what is kept of a page is stale. Never waits; without room that is only found by {@link #reconcile}. */
    void drop(long page);

    /** Whether drops wait to be sent. */
    boolean hasDrops();

    /** Sends the drops noted so far. @throws IOException if they may not have arrived: they are found again by {@link #reconcile} */
    void flushDrops() throws IOException;

    /** Sends the drops noted so far, and these: when it returns, what all of them say is done. */
    void dropNow(RunList stale) throws IOException;

    /** Whether pages may be kept that are not this home's any more, and that only {@link #reconcile} can find. */
    boolean mayHoldStale();

    /** Drops may have been lost, with an earlier daemon say. */
    void suspectStale();

    /**
     * Drops everything that is kept of pages that {@code stale} names.
     *
     * @return pages dropped
     */
    long reconcile(LongPredicate stale) throws IOException;

    /** Has the owner's epoch be the only valid one from now on. */
    void adopt(long epoch) throws IOException;

    /** A call that waits now fails, on whichever thread it is; later ones go on. */
    void interrupt();

    /** What fails on this host when pages arrive; null if nothing does. */
    @Nullable
    String trouble();

    /** Requests that are not answered are forgotten; calls fail from now on. Returns when no page can arrive any more. */
    @Override
    void close();
}
