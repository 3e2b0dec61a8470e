package org.splitmem.memory.remote;

import java.io.IOException;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PullSource;
import org.splitmem.memory.wire.RunList;
import org.splitmem.memory.wire.SmallJson;

/**
 * Has one memory server fetch pages from another. Some requests are on their way at a time, more than that server works on at once, so that it
 * never waits for the next; they are answered in their order. Confined to one thread, but for {@link #close}.
 */
public final class PullClient implements AutoCloseable {
    /** Requests on their way; more than twice as many as a {@link FetchClient} has. */
    private static final int WINDOW = 10;

    /** A server that makes no progress for so long has failed: longer than it waits itself for the one that it fetches from. */
    private static final long STALLED_MS = 45_000;

    private final Endpoint to;
    private final PullSource from;
    private final Link link;
    private final RunList[] requests = new RunList[WINDOW];
    private final RunList stored = new RunList();
    private final RunList none = new RunList();
    private long asked;
    private long answered;

    /**
     * @param to the server that is to fetch
     * @param from the one that has the pages
     */
    public PullClient(Endpoint to, Endpoint from) {
        this.to = to;
        this.from = new PullSource(from.host(), from.token());
        this.link = new Link(to, Hello.Role.PULL);
        for (int i = 0; i < WINDOW; i++) {
            requests[i] = new RunList();
        }
    }

    /** Which pages are asked for, and what becomes of them. */
    public interface Pull {
        /** The server stores nothing any more that was asked for on an earlier connection. */
        void begun() throws IOException;

        /**
         * Says which pages to ask for next.
         *
         * @param pages empty; takes at most {@link RunList#MAX_PAGES}, in ascending order
         * @return false if there are none at present
         */
        boolean next(RunList pages) throws IOException;

        /**
         * A request is answered.
         *
         * @param asked pages of the request
         * @param stored those of them that came, and that the server had not: it keeps them now
         * @param damaged how many came with a wrong checksum
         */
        void answered(RunList asked, RunList stored, int damaged) throws IOException;
    }

    /**
     * Asks for pages until there are none to ask for, and all answers have come.
     *
     * @throws IOException if a server cannot be reached, refuses, or the connection breaks: what was not answered may be stored or not
     */
    public void pull(Pull what) throws IOException {
        try (FrameSocket socket = link.connect()) {
            socket.socket().setTimeouts(STALLED_MS, STALLED_MS);
            socket.sendSmall(FrameType.PULL_FROM, 0, SmallJson.encode(from));
            if (!socket.receive() || socket.type() != FrameType.WELCOME) {
                throw socket.bad("no WELCOME");
            }
            asked = 0;
            answered = 0;
            what.begun();
            pull(socket, what);
        }
    }

    private void pull(FrameSocket socket, Pull what) throws IOException {
        boolean more = true;
        while (true) {
            while (more && asked - answered < WINDOW) {
                RunList request = requests[(int) (asked % WINDOW)];
                request.clear();
                more = what.next(request);
                if (more) {
                    asked++;
                    request.sendAs(FrameType.PULL, socket, 0, 0);
                } else if (asked > 0) {
                    none.sendAs(FrameType.PULL, socket, 0, 0); // it answers what it was asked, and waits for no more
                }
            }
            if (answered == asked) {
                return;
            }
            RunList oldest = requests[(int) (answered % WINDOW)];
            receiveAnswer(socket, oldest);
            what.answered(oldest, stored, socket.value());
            answered++;
        }
    }

    private void receiveAnswer(FrameSocket socket, RunList request) throws IOException {
        if (!socket.receive()) {
            throw new IOException(to.host() + " has closed the connection");
        }
        if (socket.type() != FrameType.PULLED) {
            throw socket.bad("no PULLED");
        }
        stored.receive(socket, to.pages(), RunList.MAX_PAGES);
        socket.checkLength(stored.bytes(), stored.bytes());
        if (!FetchClient.isWithin(stored, request)) {
            throw socket.bad("pages that were not asked for");
        }
    }

    /** What waits for the peer now fails, and nothing more is pulled. Any thread. */
    @Override
    public void close() {
        link.end();
    }
}
