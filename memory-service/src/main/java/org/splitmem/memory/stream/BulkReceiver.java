package org.splitmem.memory.stream;

import java.io.IOException;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.RunList;

/** Receives one stream of pages into a VM's RAM files. Confined to its connection's thread. */
public final class BulkReceiver {
    /** Where a stream's pages go. */
    public interface Target extends ReceivedPages.Taker {
        long pages();

        /** The copies of these pages are void. */
        void drop(RunList runs) throws IOException;
    }

    private final Target target;
    private final RunList runs = new RunList();
    private final ReceivedPages received = new ReceivedPages();

    public BulkReceiver(Target target) {
        this.target = target;
    }

    /** Serves the stream until the peer closes it. */
    public void serve(FrameSocket socket) throws IOException {
        while (socket.receive()) {
            switch (socket.type()) {
                case PAGES -> {
                    received.receiveHead(socket, target.pages());
                    received.receivePages(socket, target);
                }
                case DROP -> {
                    runs.receive(socket, target.pages(), target.pages());
                    socket.checkLength(runs.bytes(), runs.bytes());
                    target.drop(runs);
                }
                case FLUSH -> received.answerFlush(socket);
                default -> throw socket.bad("no business on a stream");
            }
        }
    }
}
