package org.splitmem.memory.stream;

import java.io.IOException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.RunList;

/**
 * Receives one stream of pages into a VM's RAM files. Confined to its connection's thread.
 *
 * <p>A frame is received into one buffer, which stays in the processor's cache, and written to the file from there: a page
 * that is written whole is neither zeroed nor mapped first, which costs a third less than receiving into the mapping.
 */
public final class BulkReceiver {
    /** Where a stream's pages go. */
    public interface Target {
        long pages();

        /** Takes a run of pages that has arrived; {@code address} is that of its bytes, good during the call. */
        void take(long address, long page, long count) throws IOException;

        /** The copies of these pages are void. */
        void drop(RunList runs) throws IOException;
    }

    private final Target target;
    private final RunList runs = new RunList();
    private final NativeBlock frame = new NativeBlock(RunList.MAX_PAGES * Pages.SIZE);

    public BulkReceiver(Target target) {
        this.target = target;
    }

    /** Serves the stream until the peer closes it. */
    public void serve(FrameSocket socket) throws IOException {
        while (socket.receive()) {
            switch (socket.type()) {
                case PAGES -> receivePages(socket);
                case DROP -> {
                    runs.receive(socket, target.pages(), target.pages());
                    socket.checkLength(runs.bytes(), runs.bytes());
                    target.drop(runs);
                }
                case FLUSH -> socket.send(FrameType.FLUSHED, 0, 0, socket.value());
                default -> throw socket.bad("no business on a stream");
            }
        }
    }

    private void receivePages(FrameSocket socket) throws IOException {
        runs.receive(socket, target.pages(), RunList.MAX_PAGES);
        int bytes = Math.toIntExact(runs.bytes() + Pages.toBytes(runs.pages()));
        socket.checkLength(bytes, bytes);
        socket.socket().receive(frame.address(), Pages.toBytes(runs.pages()));
        long at = frame.address();
        for (int run = 0; run < runs.runs(); run++) {
            target.take(at, runs.first(run), runs.count(run));
            at += Pages.toBytes(runs.count(run));
        }
    }
}
