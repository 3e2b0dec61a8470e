package org.splitmem.memory.net;

import java.io.IOException;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.StreamSocket;

/**
 * How hosts prove who they are to each other, and hide what they send. Any thread.
 *
 * <p>On the data port it shakes hands and then leaves the socket as it is, with what it agreed upon in the kernel (as TLS can, since Linux
 * 4.13): all of {@link StreamSocket} goes on as without, also to send from a file without a copy.
 */
public interface Security {
    /** None: everybody on the network may read, and the cluster's key and the VMs' tokens are all that is checked. */
    Security NONE = new Security() {
        @Override
        public void connected(StreamSocket socket, String host) {}

        @Override
        public void accepted(StreamSocket socket) {}

        @Override
        public @Nullable SSLContext control() {
            return null;
        }
    };

    /**
     * Shakes hands as the side that has connected to a data port.
     *
     * @param socket with the time limits of a hand-shake
     * @param host the name of the peer, which it has to prove
     * @throws IOException if it is not that, or does not answer in time
     */
    void connected(StreamSocket socket, String host) throws IOException;

    /**
     * Shakes hands as the side that has accepted, in the connection's own thread. Another one shuts the socket down when it takes too long.
     *
     * @throws IOException if the peer is none of ours
     */
    void accepted(StreamSocket socket) throws IOException;

    /** For the control port, on both sides, which ask for each other's certificate; null for plain HTTP. */
    @Nullable
    SSLContext control();
}
