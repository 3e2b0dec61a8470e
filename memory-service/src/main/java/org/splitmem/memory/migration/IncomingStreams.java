package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.splitmem.memory.stream.BulkReceiver;
import org.splitmem.memory.wire.FrameSocket;

/**
 * The streams on which pages come from a migration's source. What is still under way on one when the source's control connection has ended may be
 * older than the page is by now: so they have to end before its pages are asked for one by one. Any thread.
 */
final class IncomingStreams {
    private final List<FrameSocket> serving = new ArrayList<>(); // guarded by this
    private boolean ended; // guarded by this

    /** Serves one until its peer closes it, or {@link #end}. */
    void serve(FrameSocket socket, BulkReceiver receiver) throws IOException {
        begin(socket);
        try {
            receiver.serve(socket);
        } finally {
            leave(socket);
        }
    }

    private synchronized void begin(FrameSocket socket) throws IOException {
        if (ended) {
            throw new IOException("no pages are taken from " + socket.peer() + " that were not asked for any more");
        }
        serving.add(socket);
    }

    private synchronized void leave(FrameSocket socket) {
        serving.remove(socket);
        notifyAll();
    }

    /** Nothing is written any more of what comes, or has come, on any of them once this returns. */
    synchronized void end() {
        ended = true;
        for (FrameSocket socket : serving) {
            socket.socket().shutdown();
        }
        boolean isInterrupted = false;
        while (!serving.isEmpty()) {
            try {
                wait();
            } catch (InterruptedException e) {
                isInterrupted = true;
            }
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
