package org.splitmem.memory.remote;

import java.io.IOException;
import org.splitmem.memory.stream.ReceivedPages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.RunList;

/**
 * Fetches many pages from one memory server, on a connection apart from that of the faults. Some requests are on their way at a time, so that
 * the server never waits for the next; they are answered in their order. Confined to one thread, but for {@link #interrupt} and
 * {@link #close}.
 */
public final class FetchClient implements AutoCloseable {
    /** Requests on their way. What they ask for at most, 8 MiB, comes even if nothing more is wanted. */
    private static final int WINDOW = 4;

    /** A peer that makes no progress for so long has failed. */
    private static final long STALLED_MS = 20_000;

    private final Endpoint endpoint;
    private final Link link;
    private final ReceivedPages received = new ReceivedPages();
    private final RunList[] requests = new RunList[WINDOW];
    private long asked;
    private long answered;

    public FetchClient(Endpoint endpoint) {
        this.endpoint = endpoint;
        this.link = new Link(endpoint, Hello.Role.FETCH);
        for (int i = 0; i < WINDOW; i++) {
            requests[i] = new RunList();
        }
    }

    /** Which pages are asked for, and what becomes of them. Each that is asked for is answered or unanswered once. */
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
        return received.checksumsOf(address);
    }

    /**
     * Asks for pages until there are none to ask for, and all answers have come.
     *
     * @throws IOException if the server cannot be reached, refuses, or the connection breaks
     */
    public void fetch(Fetch what) throws IOException {
        try (FrameSocket socket = link.connect()) {
            socket.socket().setTimeouts(STALLED_MS, STALLED_MS);
            fetch(socket, what);
        }
    }

    private void fetch(FrameSocket socket, Fetch what) throws IOException {
        try {
            askForMore(socket, what);
            while (answered < asked) {
                RunList oldest = requests[(int) (answered % WINDOW)];
                receiveAnswer(socket, oldest, what);
                what.answered(oldest, received.forgetDamaged());
                answered++;
                askForMore(socket, what);
            }
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            received.forgetDamaged();
            for (; answered < asked; answered++) {
                what.unanswered(requests[(int) (answered % WINDOW)]);
            }
            throw e;
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

    private void receiveAnswer(FrameSocket socket, RunList request, Fetch what) throws IOException {
        if (!socket.receive()) {
            throw new IOException(socket.peer() + " closed the connection before it had sent all");
        }
        if (socket.type() != FrameType.PAGES) {
            throw socket.bad("no PAGES");
        }
        if (!isWithin(received.receiveHead(socket, endpoint.pages()), request)) {
            throw socket.bad("pages that were not asked for");
        }
        received.receivePages(socket, what);
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
