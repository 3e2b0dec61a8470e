package org.splitmem.memory.server;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.IoVector;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.stream.ReceivedPages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.RunList;

/** One peer's connection to a store. Confined to its thread; allocates nothing per frame. */
final class StoreConnection implements ConnectionHandler {
    private final PageStore store;
    private final Hello hello;
    private final RunList runs = new RunList();
    private final IoVector vector = new IoVector();
    /** Null until pages come: most connections only ask for some. */
    private @Nullable ReceivedPages received;

    private final ReceivedPages.Taker taker = this::store;
    private long storedPages;

    StoreConnection(PageStore store, Hello hello) {
        this.store = store;
        this.hello = hello;
    }

    @Override
    public void serve(FrameSocket socket) throws IOException {
        while (socket.receive()) {
            if (hello.role() == Hello.Role.PAGE_IN) {
                servePageIn(socket);
            } else {
                serveBulk(socket);
            }
        }
    }

    private void servePageIn(FrameSocket socket) throws IOException {
        if (socket.type() != FrameType.PAGE_IN) {
            throw socket.bad("no business on a page-in connection");
        }
        store.checkEpoch(hello.epoch()); // as for bulk
        socket.checkLength(0, 0);
        socket.checkCount(1, 1);
        long page = socket.checkPage(1, store.pages());
        if (!store.holds(page)) {
            socket.send(FrameType.PAGE_ABSENT, page, 1, 0);
            return;
        }
        vector.clear();
        vector.add(
                socket.header(FrameType.PAGE_DATA, page, 1, Pages.SIZE, store.checksum(page)),
                FrameSocket.HEADER_BYTES);
        vector.add(store.address(page), Pages.SIZE);
        socket.socket().sendAll(vector);
    }

    private void serveBulk(FrameSocket socket) throws IOException {
        store.checkEpoch(hello.epoch()); // a source that was handed over from may wake up late
        switch (socket.type()) {
            case PAGES -> receivePages(socket);
            case DROP -> {
                runs.receive(socket, store.pages(), store.pages());
                socket.checkLength(runs.bytes(), runs.bytes());
                store.drop(runs);
            }
            case FLUSH -> received().answerFlush(socket);
            case LIST_HELD -> {
                long listedTo = store.list(socket.checkPage(1, store.pages()), runs);
                runs.sendAs(FrameType.HELD, socket, listedTo, 0);
            }
            case ADOPT -> {
                if (socket.rawPage() != hello.epoch()) {
                    throw socket.bad("epoch " + socket.rawPage() + " from an owner of epoch " + hello.epoch());
                }
                store.adopt(hello.epoch());
            }
            default -> throw socket.bad("no business on a page-out connection");
        }
    }

    private ReceivedPages received() {
        ReceivedPages pages = received;
        if (pages == null) {
            pages = new ReceivedPages();
            received = pages;
        }
        return pages;
    }

    private void receivePages(FrameSocket socket) throws IOException {
        ReceivedPages pages = received();
        RunList admitted = pages.receiveHead(socket, store.pages());
        long room = store.admit(admitted);
        storedPages = 0;
        try {
            pages.receivePages(socket, taker);
        } finally {
            store.settle(admitted, room, storedPages);
        }
    }

    private void store(long address, long page, long count) throws IOException {
        storedPages += store.store(page, count, address, received());
    }
}
