package org.splitmem.memory.server;

import java.io.IOException;
import org.splitmem.memory.wire.FrameSocket;

/** What happens on a connection after the handshake. Runs on the connection's own thread until the peer closes. */
public interface ConnectionHandler {
    /**
     * Serves the connection.
     *
     * @param socket open; closed by the caller afterwards
     * @throws IOException when the peer broke the protocol or went away: the caller tells the peer, if it can
     */
    void serve(FrameSocket socket) throws IOException;
}
