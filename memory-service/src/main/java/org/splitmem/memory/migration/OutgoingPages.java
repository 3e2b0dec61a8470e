package org.splitmem.memory.migration;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.guest.CutShortException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.PageCopies;
import org.splitmem.memory.linux.IoVector;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.server.ConnectionHandler;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;

/**
 * Serves page-ins from the RAM of a VM that was handed over: its vCPUs have stopped here for good, so its pages no longer
 * change. Of one that was split here pages may be on memory servers: whoever asks for them is told where. Confined to its connection's
 * thread.
 */
final class OutgoingPages implements ConnectionHandler {
    private static final Logger log = LoggerFactory.getLogger(OutgoingPages.class);

    private final GuestMemory memory;
    private final @Nullable PageTable table;
    private final Runnable served;
    private final PageCopies copy;
    private boolean toldLoss;
    private final IoVector vector = new IoVector(2); // the header, and the page

    /**
     * @param table of a VM that was split here; null if all of it is here
     * @param served called for each page that was sent
     */
    OutgoingPages(GuestMemory memory, @Nullable PageTable table, Runnable served) {
        this.table = table;
        this.served = served;
        this.memory = memory;
        this.copy = new PageCopies(memory, 1);
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
            int server = serverOf(page);
            if (server >= 0) {
                socket.send(FrameType.PAGE_ELSEWHERE, page, 1, server);
                continue;
            }
            try {
                copy.read(0, page, 1);
            } catch (CutShortException e) { // the pages that are still there can be fetched
                if (!toldLoss) { // there may be millions
                    log.error("pages are lost, page {} first: {}", page, e.getMessage());
                    toldLoss = true;
                }
                socket.send(FrameType.PAGE_ABSENT, page, 1, 0);
                continue;
            }
            vector.clear();
            vector.add(
                    socket.header(FrameType.PAGE_DATA, page, 1, Pages.SIZE, copy.checksum(0, page)),
                    FrameSocket.HEADER_BYTES);
            vector.add(copy.address(0), Pages.SIZE);
            socket.socket().sendAll(vector);
            served.run();
        }
    }

    /** The memory server that has a page; -1: it is here. */
    private int serverOf(long page) {
        if (table == null) {
            return -1;
        }
        int entry = table.get(page);
        return PageEntry.isOnServer(entry) ? PageEntry.home(entry) : -1;
    }
}
