package org.splitmem.memory.remote;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.Hello;

/**
 * A client's connection to its peer, which any thread can end, also while it is being made: so that nothing which ends waits for a peer
 * that does not answer.
 */
final class Link {
    private final Endpoint endpoint;
    private final Hello.Role role;
    private @Nullable StreamSocket latest; // guarded by this
    private boolean ended; // guarded by this

    Link(Endpoint endpoint, Hello.Role role) {
        this.endpoint = endpoint;
        this.role = role;
    }

    /** Connects and shakes hands; the socket is the caller's. @throws IOException also if it was ended meanwhile */
    FrameSocket connect() throws IOException {
        return endpoint.connect(role, this::begun);
    }

    private synchronized void begun(StreamSocket socket) throws IOException {
        if (ended) {
            throw new IOException("the connection to " + endpoint.host() + " was closed");
        }
        latest = socket;
    }

    /** Whatever waits on the connection now fails. The next one may be made. */
    synchronized void interrupt() {
        if (latest != null) {
            latest.shutdown();
        }
    }

    /** For good. */
    synchronized void end() {
        ended = true;
        interrupt();
    }
}
