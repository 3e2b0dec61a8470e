package org.splitmem.memory.linux;

import java.io.IOException;
import java.net.InetSocketAddress;
import org.splitmem.memory.testing.Ports;

/** Both ends of a TCP connection on this machine; for tests. */
public record SocketPair(StreamSocket near, StreamSocket far) implements AutoCloseable {
    public static SocketPair open() throws IOException {
        InetSocketAddress address = Ports.free();
        try (ListeningSocket listener = ListeningSocket.tcp(address)) {
            StreamSocket near = StreamSocket.connect(address, 5_000);
            StreamSocket far = listener.accept();
            if (far == null) {
                throw new IOException("nobody came");
            }
            near.setTimeouts(10_000, 10_000);
            far.setTimeouts(10_000, 10_000);
            return new SocketPair(near, far);
        }
    }

    @Override
    public void close() {
        near.close();
        far.close();
    }
}
