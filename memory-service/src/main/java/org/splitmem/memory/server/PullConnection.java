package org.splitmem.memory.server;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.remote.FetchClient;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.PullSource;
import org.splitmem.memory.wire.RunList;
import org.splitmem.memory.wire.SmallJson;

/**
 * The owner's connection to a store on which it has pages fetched from another memory server, while its guest runs. What the owner has sent
 * here of a page is newer than what comes from there, and stays. Its thread reads requests and receives pages; the client's second one stores
 * them and answers. Allocates nothing per frame.
 */
final class PullConnection implements ConnectionHandler {
    /** An owner that has asked for pages is to ask for more, or to say that there are none, within this. */
    private static final long NEXT_MS = TimeUnit.SECONDS.toMillis(60);

    private final PageStore store;
    private final Hello hello;
    private final Neighbours neighbours;

    PullConnection(PageStore store, Hello hello, Neighbours neighbours) {
        this.store = store;
        this.hello = hello;
        this.neighbours = neighbours;
    }

    @Override
    public void serve(FrameSocket owner) throws IOException {
        if (!owner.receive()) {
            return;
        }
        if (owner.type() != FrameType.PULL_FROM) {
            throw owner.bad("no PULL_FROM before it");
        }
        PullSource from = SmallJson.pullSource(owner.receiveSmall());
        try {
            serve(owner, from);
        } catch (PeerException e) {
            throw e;
        } catch (IOException e) { // of either connection: tells the owner, if it is there
            throw new PeerException(ErrorCode.INTERNAL, "fetching from " + from.host() + ": " + e.getMessage());
        }
    }

    private void serve(FrameSocket owner, PullSource from) throws IOException {
        Endpoint endpoint = new Endpoint(
                from.host(),
                neighbours.dataPortOf(from.host()),
                hello.vm(),
                from.token(),
                hello.epoch(),
                store.pages());
        long turn = store.beginPulling(); // before the answer: from then on nothing of an earlier connection is stored
        owner.send(FrameType.WELCOME, 0, 0, FrameSocket.VERSION);
        try (FetchClient source = new FetchClient(endpoint)) {
            Pulls pulls = new Pulls(owner, source, turn);
            while (pulls.awaitFirst()) {
                source.fetch(pulls);
            }
        }
    }

    private final class Pulls implements FetchClient.Fetch {
        private final FrameSocket owner;
        private final FetchClient source;
        private final long turn;
        private final RunList stored = new RunList(); // the second thread's, until that has ended
        private boolean isFirst;
        private boolean isLast;

        Pulls(FrameSocket owner, FetchClient source, long turn) {
            this.owner = owner;
            this.source = source;
            this.turn = turn;
        }

        /** An owner that has nothing to move may say nothing for long. @return false once it has closed the connection */
        boolean awaitFirst() throws IOException {
            isLast = false;
            owner.socket().setTimeouts(0, 0);
            isFirst = owner.receive();
            owner.socket().setTimeouts(NEXT_MS, NEXT_MS);
            return isFirst;
        }

        @Override
        public boolean next(RunList pages) throws IOException {
            if (isLast) {
                return false;
            }
            if (!isFirst && !owner.receive()) {
                throw new IOException("the owner has closed the connection");
            }
            isFirst = false;
            if (owner.type() != FrameType.PULL) {
                throw owner.bad("no business on a connection that pulls");
            }
            store.checkEpoch(hello.epoch());
            pages.receive(owner, store.pages(), RunList.MAX_PAGES);
            owner.checkLength(pages.bytes(), pages.bytes());
            isLast = pages.isEmpty();
            return !isLast;
        }

        @Override
        public void take(long address, long page, long count) throws IOException {
            store.storePulled(page, count, address, source.checksumsOf(address), turn, stored);
        }

        @Override
        public void answered(RunList pages, int damaged) throws IOException {
            stored.sendAs(FrameType.PULLED, owner, 0, damaged);
            stored.clear();
        }

        @Override
        public void unanswered(RunList pages) {
            stored.clear(); // the owner moves nothing that it was not told of
        }
    }
}
