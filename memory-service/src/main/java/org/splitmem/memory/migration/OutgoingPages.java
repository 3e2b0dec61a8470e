package org.splitmem.memory.migration;

import java.io.IOException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.PageViews;
import org.splitmem.memory.linux.IoVector;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.server.ConnectionHandler;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;

/**
 * Serves page-ins from the RAM of a VM that was handed over: its vCPUs have stopped here for good, so its pages no longer
 * change. Confined to its connection's thread.
 */
final class OutgoingPages implements ConnectionHandler {
    private final GuestMemory memory;
    private final Runnable served;
    private final PageViews views;
    private final IoVector vector = new IoVector();

    /** @param served called for each page that was sent */
    OutgoingPages(GuestMemory memory, Runnable served) {
        this.served = served;
        this.memory = memory;
        this.views = new PageViews(memory);
    }

    @Override
    public void serve(FrameSocket socket) throws IOException {
        while (socket.receive()) {
            if (socket.type() != FrameType.PAGE_IN) {
                throw socket.bad("no business on a page-in connection");
            }
            socket.checkLength(0, 0);
            socket.checkCount(1, 1);
            long page = socket.checkPage(1, memory.pages());
            vector.clear();
            vector.add(
                    socket.header(FrameType.PAGE_DATA, page, 1, Pages.SIZE, views.checksum(page)),
                    FrameSocket.HEADER_BYTES);
            vector.add(memory.address(page), Pages.SIZE);
            socket.socket().sendAll(vector);
            served.run();
        }
    }
}
