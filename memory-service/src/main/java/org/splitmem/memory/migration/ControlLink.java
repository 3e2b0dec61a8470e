package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.RunList;

/**
 * The source's end of a migration's conversation with its main destination: placements and dirty sets go out, what the
 * destination says comes in on a thread of its own. Sending is the migration's thread's, but for dirty sets.
 */
final class ControlLink implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ControlLink.class);

    private final FrameSocket socket;
    private final long pages;
    private final Runnable changed;
    private final Thread reader;
    private final Object sending = new Object();
    private long flushes; // the migration's thread's
    private volatile long flushOfAll = Long.MAX_VALUE;
    private boolean closed; // likewise

    // Guarded by this.
    private final Queue<Integer> wanted = new ArrayDeque<>();
    private long resumedUs;
    private boolean arrived;
    private long flushed;
    private boolean loaded;
    private boolean qemuEnded;
    private @Nullable IOException broken;

    /** @param changed called after anything came in; must not wait */
    ControlLink(FrameSocket socket, long pages, Runnable changed) {
        this.socket = socket;
        this.pages = pages;
        this.changed = changed;
        this.reader = new Thread(this::read, "migration-control");
        reader.setDaemon(true);
    }

    void start() {
        reader.start();
    }

    private void read() {
        IOException end = new IOException(socket.peer() + " closed the migration's control connection");
        try {
            while (socket.receive()) {
                received();
                changed.run();
            }
        } catch (IOException e) {
            end = e;
        } catch (RuntimeException e) {
            end = new IOException("what " + socket.peer() + " sent cannot be handled: " + e, e);
        }
        synchronized (this) {
            broken = end;
        }
        changed.run();
    }

    private synchronized void received() throws IOException {
        switch (socket.type()) {
            case WANT_CHUNK -> {
                long chunk = socket.rawPage();
                if (chunk < 0 || chunk >= ChunkSeal.chunksOf(pages)) {
                    throw socket.bad("chunk " + chunk);
                }
                wanted.add((int) chunk);
            }
            case RESUMED -> resumedUs = socket.rawPage();
            case ARRIVED -> arrived = true;
            case FLUSHED -> flushed++;
            case LOADED -> loaded = true;
            case QEMU_ENDED -> qemuEnded = true;
            default -> throw socket.bad("no business on a control connection");
        }
    }

    FrameSocket socket() {
        return socket;
    }

    /** The next chunk that the destination's guest waits for, or -1. */
    synchronized int takeWanted() {
        Integer chunk = wanted.poll();
        return chunk == null ? -1 : chunk;
    }

    /** When the destination's guest resumed, microseconds since 1970; 0: not yet. */
    synchronized long resumedUs() {
        return resumedUs;
    }

    /** True once the destination has every page. */
    synchronized boolean hasArrived() {
        return arrived;
    }

    /** True once the destination's QEMU has the guest's whole state. */
    synchronized boolean hasLoaded() {
        return loaded;
    }

    /** True once the destination's QEMU has ended without the guest having run there. */
    synchronized boolean hasQemuEnded() {
        return qemuEnded;
    }

    synchronized @Nullable IOException broken() {
        return broken;
    }

    /**
     * Sends a chunk's dirty set, whole: the last frame of a chunk opens it. Any thread; one chunk after the other.
     *
     * @param dirty the calling thread's
     * @param runs overwritten
     */
    void sendDirty(DirtyPages dirty, int chunk, RunList runs) throws IOException {
        long end = ChunkSeal.firstPage(chunk) + ChunkSeal.length(chunk, pages);
        long from = dirty.collectForMain(ChunkSeal.firstPage(chunk), end, runs); // most fit one frame
        synchronized (sending) {
            while (from < end) {
                runs.sendAs(FrameType.DIRTY, socket, chunk, 0);
                from = dirty.collectForMain(from, end, runs);
            }
            runs.sendAs(FrameType.DIRTY, socket, chunk, 1);
        }
    }

    /** To follow the last chunk: answered once all of them are open. */
    void sendAllTold() throws IOException {
        flush();
        flushOfAll = flushes;
    }

    /** Asks the destination to say when it has done all it was told until now: see {@link #isFlushed}. */
    void flush() throws IOException {
        socket.send(FrameType.FLUSH, 0, 0, 0);
        flushes++;
    }

    /** Whether it has answered every flush. The migration's thread's. */
    synchronized boolean isFlushed() {
        return flushed >= flushes;
    }

    /** The guest runs there although some chunks could not be told: the destination asks for its fate once this has ended. */
    void endUnlessAllTold() {
        if (flushOfAll == Long.MAX_VALUE) {
            socket.socket().shutdown();
        }
    }

    /** True once the destination has opened every chunk: only then it takes pushed pages by their state. */
    synchronized boolean hasOpened() {
        return flushed >= flushOfAll;
    }

    /** Opens a chunk without dirty pages. */
    void sendClean(int chunk) throws IOException {
        socket.send(FrameType.DIRTY, chunk, 0, 1);
    }

    /** A destination that cannot be told notices that the connection ends. Does nothing once it is closed. */
    void tellAbort() {
        tell(FrameType.ABORT);
    }

    /** A destination that does not get this asks, see {@link PeerHosts#fate}. Does nothing once it is closed. */
    void tellHandedOver() {
        tell(FrameType.HANDED_OVER);
    }

    private void tell(FrameType what) {
        if (closed) {
            return;
        }
        try {
            socket.send(what, 0, 0, 0);
        } catch (IOException e) {
            log.debug("{} could not be sent to the destination: {}", what, e.getMessage());
        }
    }

    @Override
    public void close() {
        socket.socket().shutdown();
        try {
            reader.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        closed = true;
        socket.close();
    }
}
