package org.splitmem.memory.server;

import java.io.IOException;
import org.splitmem.memory.stream.ReceivedPages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.RunList;

/** One peer's connection to a store, on which pages come. Confined to its thread; allocates nothing per frame. */
final class StoreConnection implements ConnectionHandler {
    private final PageStore store;
    private final Sender sender;
    private final RunList runs = new RunList();
    private final ReceivedPages received = new ReceivedPages();
    private final ReceivedPages.Taker taker = this::store;
    private boolean isOwners;
    private long storedPages;

    StoreConnection(PageStore store, Sender sender) {
        this.store = store;
        this.sender = sender;
    }

    @Override
    public void serve(FrameSocket socket) throws IOException {
        while (socket.receive()) {
            serveOne(socket);
        }
    }

    private void serveOne(FrameSocket socket) throws IOException {
        store.checkEpoch(sender.hello().epoch()); // a source that was handed over from may wake up late
        isOwners = isOwners || store.begin(sender); // until its epoch is stale
        if (!isOwners && socket.type() != FrameType.ADOPT && socket.type() != FrameType.FLUSH) {
            throw store.notItsOwner(sender.hello());
        }
        switch (socket.type()) {
            case PAGES -> receivePages(socket);
            case DROP -> {
                runs.receive(socket, store.pages(), store.pages());
                socket.checkLength(runs.bytes(), runs.bytes());
                store.drop(runs, sender);
            }
            case FLUSH -> received.answerFlush(socket);
            case LIST_HELD -> {
                long listedTo = store.list(socket.checkPage(1, store.pages()), runs);
                runs.sendAs(FrameType.HELD, socket, listedTo, 0);
            }
            case ADOPT -> {
                long epoch = sender.hello().epoch();
                if (socket.rawPage() != epoch) {
                    throw socket.bad("epoch " + socket.rawPage() + " from an owner of epoch " + epoch);
                }
                store.adopt(sender);
            }
            default -> throw socket.bad("no business on a page-out connection");
        }
    }

    private void receivePages(FrameSocket socket) throws IOException {
        RunList admitted = received.receiveHead(socket, store.pages());
        long room = store.admit(admitted);
        storedPages = 0;
        try {
            received.receivePages(socket, taker);
        } finally {
            store.settle(admitted, room, storedPages);
        }
    }

    private void store(long address, long page, long count) throws IOException {
        storedPages += store.store(page, count, address, received, sender);
    }
}
