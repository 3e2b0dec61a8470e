package org.splitmem.memory.migration;

import java.io.IOException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.IoVector;
import org.splitmem.memory.linux.Windows;
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
    private final Windows[] windows;
    private final IoVector vector = new IoVector();

    OutgoingPages(GuestMemory memory) {
        this.memory = memory;
        this.windows = new Windows[memory.backends()];
        for (int i = 0; i < windows.length; i++) {
            windows[i] = new Windows(memory.file(i).address(), memory.file(i).bytes());
        }
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
            int crc32c = windows[memory.backendOf(page)].crc32c(memory.offset(page), Pages.SIZE);
            vector.clear();
            vector.add(socket.header(FrameType.PAGE_DATA, page, 1, Pages.SIZE, crc32c), FrameSocket.HEADER_BYTES);
            vector.add(memory.address(page), Pages.SIZE);
            socket.socket().sendAll(vector);
        }
    }
}
