package org.splitmem.memory.remote;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.UUID;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.net.Transport;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.SmallJson;

/**
 * Where and as whom to connect to a peer's data port for one VM.
 *
 * @param host the peer's name, for people
 * @param address of its data port; may be unresolved, then each connect resolves it anew
 * @param token the VM's access token at that peer
 * @param epoch the owner epoch to show
 */
public record Endpoint(String host, InetSocketAddress address, UUID vm, String token, long epoch, long pages) {
    /**
     * Connects and shakes hands.
     *
     * @throws PeerException if the peer refuses: the code tells whether to try again makes sense
     * @throws IOException if it cannot be reached, or does not answer within its time
     */
    public FrameSocket connect(Hello.Role role) throws IOException {
        return connect(role, socket -> {});
    }

    /** The same, for a caller from which another thread may want to end it. */
    FrameSocket connect(Hello.Role role, StreamSocket.Begun begun) throws IOException {
        FrameSocket socket = new FrameSocket(Transport.connect(host, address, begun));
        try {
            socket.sendSmall(FrameType.HELLO, 0, SmallJson.encode(new Hello(role, vm, token, epoch, pages)));
            if (!socket.receive()) {
                throw new PeerException(ErrorCode.BAD_FRAME, host + " closed the connection during the handshake");
            }
            if (socket.type() != FrameType.WELCOME) {
                throw socket.bad("no WELCOME");
            }
            socket.socket().setTimeouts(0, 0);
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    public Endpoint withEpoch(long newer) {
        return new Endpoint(host, address, vm, token, newer, pages);
    }
}
