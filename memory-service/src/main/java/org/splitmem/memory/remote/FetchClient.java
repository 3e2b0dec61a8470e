package org.splitmem.memory.remote;

import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.stream.ReceivedPages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.RunList;

/**
 * Fetches many pages from one memory server, on a connection apart from that of the faults. Some requests are on their way at a time, so that
 * the server never waits for the next; they are answered in their order. What comes is taken on a second thread, while the first receives the
 * rest. Confined to one thread, but for {@link #interrupt} and {@link #close}.
 */
public final class FetchClient implements AutoCloseable {
    /** Requests on their way. What they ask for at most, 8 MiB, comes even if nothing more is wanted. */
    private static final int WINDOW = 4;

    /** A peer that makes no progress for so long has failed. */
    private static final long STALLED_MS = 20_000;

    /** Of this process, those that have large buffers at a time, 32 MiB in all: what a JVM may have outside of its heap is limited. */
    private static final Semaphore LARGE_BUFFERS = new Semaphore(64);

    private final Endpoint endpoint;
    private final Link link;
    private final RunList[] requests = new RunList[WINDOW];
    /** While it fetches: its buffer is too large to be kept for each memory server of each VM. */
    private @Nullable ReceivedPages received;

    private long asked;
    private volatile long answered; // written by the thread that takes

    public FetchClient(Endpoint endpoint) {
        this.endpoint = endpoint;
        this.link = new Link(endpoint, Hello.Role.FETCH);
        for (int i = 0; i < WINDOW; i++) {
            requests[i] = new RunList();
        }
    }

    /**
     * Which pages are asked for, and what becomes of them. Each that is asked for is answered or unanswered once. What comes is taken and answered
     * on a thread of the client, which has ended when {@link #fetch} returns, and when anything is unanswered; the rest is done on the caller's.
     */
    public interface Fetch extends ReceivedPages.Taker {
        /**
         * Says which pages to ask for next: all of them behind those of requests that are not answered yet.
         *
         * @param pages empty; takes at most {@link RunList#MAX_PAGES}, in ascending order
         * @return false if there are none at present
         */
        boolean next(RunList pages) throws IOException;

        /**
         * All pages of a request that came, and came whole, have been taken.
         *
         * @param damaged how many came with a wrong checksum
         */
        void answered(RunList pages, int damaged) throws IOException;

        /** The connection is broken: no more of this request comes. */
        void unanswered(RunList pages);
    }

    /** Where the checksums are that came with a run of pages; {@code address} as {@link Fetch#take} gives it, while it runs. */
    public long checksumsOf(long address) {
        return Objects.requireNonNull(received, "nothing is being fetched").checksumsOf(address);
    }

    /**
     * Asks for pages until there are none to ask for, and all answers have come.
     *
     * @throws IOException if the server cannot be reached, refuses, or the connection breaks
     */
    public void fetch(Fetch what) throws IOException {
        boolean isLarge = LARGE_BUFFERS.tryAcquire();
        try (FrameSocket socket = link.connect()) {
            socket.socket().setTimeouts(STALLED_MS, STALLED_MS);
            TakerThread taker = startTaker(socket, what, isLarge ? TakerThread.MOST_PIECES : TakerThread.LEAST_PIECES);
            fetch(socket, what, Objects.requireNonNull(received), taker);
        } finally {
            received = null;
            if (isLarge) {
                LARGE_BUFFERS.release();
            }
        }
    }

    /** @throws IOException if there is no memory, or no thread can be had */
    private TakerThread startTaker(FrameSocket socket, Fetch what, int pieces) throws IOException {
        try {
            TakerThread taker = new TakerThread(
                    what,
                    pieces,
                    damaged -> answered(what, damaged),
                    () -> socket.socket().shutdown());
            received = new ReceivedPages(pieces, taker);
            taker.start();
            return taker;
        } catch (OutOfMemoryError e) {
            throw new IOException("pages cannot be fetched now: " + e.getMessage(), e);
        }
    }

    private void fetch(FrameSocket socket, Fetch what, ReceivedPages pages, TakerThread taker) throws IOException {
        Throwable failed = null;
        Throwable failedFirst;
        try {
            fetchAll(socket, what, pages, taker);
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            failed = e;
        } finally {
            failedFirst = taker.finish(); // if it has, what failed here follows from that
        }
        unanswered(what);
        rethrow(failedFirst == null ? failed : failedFirst);
    }

    private static void rethrow(@Nullable Throwable failed) throws IOException {
        if (failed instanceof IOException e) {
            throw e;
        }
        if (failed instanceof RuntimeException e) {
            throw e;
        }
        if (failed instanceof Error e) {
            throw e;
        }
    }

    private void fetchAll(FrameSocket socket, Fetch what, ReceivedPages pages, TakerThread taker) throws IOException {
        long came = answered;
        while (true) {
            askForMore(socket, what);
            if (came == asked) {
                taker.awaitAll();
                askForMore(socket, what);
                if (came == asked) {
                    return;
                }
            }
            receiveAnswer(socket, pages, taker, requests[(int) (came % WINDOW)]);
            taker.answered(pages.forgetDamaged());
            came++;
        }
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // the thread that takes alone writes it, as long as there is one
    private void answered(Fetch what, int damaged) throws IOException {
        what.answered(requests[(int) (answered % WINDOW)], damaged);
        answered++;
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // the thread that takes has ended
    private void unanswered(Fetch what) {
        for (; answered < asked; answered++) {
            what.unanswered(requests[(int) (answered % WINDOW)]);
        }
    }

    private void askForMore(FrameSocket socket, Fetch what) throws IOException {
        while (asked - answered < WINDOW) {
            RunList request = requests[(int) (asked % WINDOW)];
            request.clear();
            if (!what.next(request)) {
                return;
            }
            asked++; // before it is sent: it is unanswered if it cannot be
            request.sendAs(FrameType.FETCH, socket, 0, 0);
        }
    }

    private void receiveAnswer(FrameSocket socket, ReceivedPages pages, TakerThread taker, RunList request)
            throws IOException {
        if (!socket.receive()) {
            throw new IOException(socket.peer() + " closed the connection before it had sent all");
        }
        if (socket.type() != FrameType.PAGES) {
            throw socket.bad("no PAGES");
        }
        if (!isWithin(pages.receiveHead(socket, endpoint.pages()), request)) {
            throw socket.bad("pages that were not asked for");
        }
        pages.receivePages(socket, taker);
    }

    /** Both lists are to be in ascending order; an answer that is not is none. */
    static boolean isWithin(RunList pages, RunList of) {
        int at = 0;
        for (int run = 0; run < pages.runs(); run++) {
            while (at < of.runs() && of.first(at) + of.count(at) <= pages.first(run)) {
                at++;
            }
            boolean isPart = at < of.runs()
                    && pages.first(run) >= of.first(at)
                    && pages.first(run) + pages.count(run) <= of.first(at) + of.count(at);
            boolean isBehind = run == 0 || pages.first(run) >= pages.first(run - 1) + pages.count(run - 1);
            if (!isPart || !isBehind) {
                return false;
            }
        }
        return true;
    }

    /** What waits for the peer now fails. Any thread. */
    public void interrupt() {
        link.interrupt();
    }

    /** The same, and nothing more is fetched. Any thread. */
    @Override
    public void close() {
        link.end();
    }
}
