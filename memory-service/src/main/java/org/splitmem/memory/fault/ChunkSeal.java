package org.splitmem.memory.fault;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * The chunks of an incoming VM whose final set of dirty pages has not arrived yet: until then nobody knows whether a page
 * in them is current, so faults in them wait.
 *
 * <p>By chunks, so that the guest never waits for a scan of its whole RAM (5 s at 2 TiB), but for one of the chunk it wants.
 */
public final class ChunkSeal {
    /** Pages of a chunk: 128 MiB, about 0.3 ms of scanning. */
    public static final long CHUNK_PAGES = 32_768;

    private static final int SEALED = 0, WANTED = 1, OPEN = 2;

    /** As kept in memory that outlives the daemon. 0 is neither: that byte was lost, or never written. */
    private static final byte KEPT_SEALED = 1, KEPT_OPEN = 2;

    private final AtomicIntegerArray chunks;
    private final ByteBuffer opened;

    /**
     * Takes up what an earlier daemon has kept.
     *
     * @param opened a byte a chunk; kept up to date, for the next daemon
     * @throws IllegalArgumentException if a byte is neither value: it does not tell whether its chunk is open
     */
    public ChunkSeal(long pages, ByteBuffer opened) {
        this.opened = opened;
        this.chunks = new AtomicIntegerArray(chunksOf(pages));
        for (int chunk = 0; chunk < chunks.length(); chunk++) {
            byte kept = opened.get(chunk);
            if (kept != KEPT_SEALED && kept != KEPT_OPEN) {
                throw new IllegalArgumentException("whether chunk " + chunk + " is open is not known: " + kept);
            }
            chunks.set(chunk, kept == KEPT_OPEN ? OPEN : SEALED);
        }
    }

    /** @param kept at least a byte a chunk; overwritten. All chunks are sealed */
    public static ChunkSeal allSealed(long pages, ByteBuffer kept) {
        for (int chunk = 0; chunk < chunksOf(pages); chunk++) {
            kept.put(chunk, KEPT_SEALED);
        }
        return new ChunkSeal(pages, kept);
    }

    /** All chunks sealed, and not remembered. */
    public static ChunkSeal allSealed(long pages) {
        return allSealed(pages, ByteBuffer.allocate(chunksOf(pages)));
    }

    public static int chunksOf(long pages) {
        return Math.toIntExact((pages + CHUNK_PAGES - 1) / CHUNK_PAGES);
    }

    public static int chunkOf(long page) {
        return (int) (page / CHUNK_PAGES);
    }

    public static long firstPage(int chunk) {
        return chunk * CHUNK_PAGES;
    }

    /** Pages of a chunk; the last one may be shorter. */
    public static long length(int chunk, long pages) {
        return Math.min(CHUNK_PAGES, pages - firstPage(chunk));
    }

    public boolean isSealed(long page) {
        return chunks.get(chunkOf(page)) != OPEN;
    }

    /** @return true for the first caller that wants a sealed chunk: it is to be asked for */
    boolean want(int chunk) {
        return chunks.compareAndSet(chunk, SEALED, WANTED);
    }

    /** @return false if it was open already */
    public boolean open(int chunk) {
        opened.put(chunk, KEPT_OPEN); // first, so that a guest that was let in is never locked out again
        return chunks.getAndSet(chunk, OPEN) != OPEN;
    }

    public boolean allOpen() {
        for (int i = 0; i < chunks.length(); i++) {
            if (chunks.get(i) != OPEN) {
                return false;
            }
        }
        return true;
    }
}
