package org.splitmem.memory.server;

import java.io.IOException;
import org.splitmem.memory.linux.IoVector;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Windows;
import org.splitmem.memory.page.Pages;
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
    private final NativeBlock frame = new NativeBlock(RunList.MAX_PAGES * Pages.SIZE);
    private final Windows windows = new Windows(frame.address(), frame.size());

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
            case FLUSH -> socket.send(FrameType.FLUSHED, 0, 0, socket.value());
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

    private void receivePages(FrameSocket socket) throws IOException {
        runs.receive(socket, store.pages(), RunList.MAX_PAGES);
        int bytes = Math.toIntExact(runs.bytes() + Pages.toBytes(runs.pages()));
        socket.checkLength(bytes, bytes);
        long added = store.admit(runs);
        boolean arrived = false;
        try {
            socket.socket().receive(frame.address(), Pages.toBytes(runs.pages()));
            store.store(runs, frame.address(), windows, added);
            arrived = true;
        } finally {
            if (!arrived) {
                store.abandon(runs, added);
            }
        }
    }
}
