package org.splitmem.memory.server;

import java.io.IOException;
import org.splitmem.memory.linux.IoVector;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;

/** One peer's connection to a store, on which it asks for pages. Confined to its thread; allocates nothing per frame. */
final class PageInConnection implements ConnectionHandler {
    private static final int HEADER_AND_PAGE = 2;

    private final PageStore store;
    private final Hello hello;
    private final IoVector vector = new IoVector(HEADER_AND_PAGE);

    PageInConnection(PageStore store, Hello hello) {
        this.store = store;
        this.hello = hello;
    }

    @Override
    public void serve(FrameSocket socket) throws IOException {
        while (socket.receive()) {
            serveOne(socket);
        }
    }

    private void serveOne(FrameSocket socket) throws IOException {
        if (socket.type() != FrameType.PAGE_IN) {
            throw socket.bad("no business on a page-in connection");
        }
        store.checkEpoch(hello.epoch()); // a source that was handed over from may wake up late
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
}
