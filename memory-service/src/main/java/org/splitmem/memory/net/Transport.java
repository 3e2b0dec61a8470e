package org.splitmem.memory.net;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.time.Duration;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.ListeningSocket;
import org.splitmem.memory.linux.StreamSocket;

/** Makes and accepts the connections between hosts. Any thread. */
public final class Transport {
    /** The most that each step of a hand-shake may take on the data port, TLS's or ours. */
    public static final int HANDSHAKE_MS = 10_000;

    private static final int CONNECT_MS = 5_000;
    private static final Duration CONTROL_CONNECT = Duration.ofSeconds(3);

    /** A process is one host, and all its connections are secured alike. */
    private static volatile Security security = Security.NONE;

    private Transport() {}

    /** To be chosen before the first connection. */
    public static void use(Security chosen) {
        security = chosen;
    }

    /**
     * Connects to a host's data port.
     *
     * @param host its name
     * @param address if it is unresolved, it is resolved anew
     * @param begun for a caller from which another thread may want to end it
     * @return with the time limits of a hand-shake
     * @throws IOException if it cannot be reached, or is not that host
     */
    public static StreamSocket connect(String host, InetSocketAddress address, StreamSocket.Begun begun)
            throws IOException {
        StreamSocket socket = StreamSocket.connect(resolved(address), CONNECT_MS, begun);
        try {
            socket.setTimeouts(HANDSHAKE_MS, HANDSHAKE_MS);
            security.connected(socket, host);
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    private static InetSocketAddress resolved(InetSocketAddress address) {
        return address.isUnresolved() ? new InetSocketAddress(address.getHostString(), address.getPort()) : address;
    }

    /** Binds the data port. Each peer that is accepted there is for {@link #accepted} first. */
    public static ListeningSocket listen(InetSocketAddress address) throws IOException {
        return ListeningSocket.tcp(address);
    }

    /** Shakes hands with a peer that the data port has accepted, in the thread of that connection. */
    public static void accepted(StreamSocket peer) throws IOException {
        security.accepted(peer);
    }

    /** For other hosts' control ports. */
    public static HttpClient controlClient() {
        HttpClient.Builder client =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(CONTROL_CONNECT);
        SSLContext tls = security.control();
        return tls == null ? client.build() : client.sslContext(tls).build();
    }

    /** @param address without a port: an IPv4 or IPv6 address, or a name */
    public static URI controlUri(String address, int port, String path) {
        String scheme = security.control() == null ? "http" : "https";
        String literal = address.contains(":") ? "[" + address + "]" : address; // IPv6
        return URI.create(scheme + "://" + literal + ":" + port + path);
    }

    /** For the control port of this host; null for plain HTTP. */
    public static @Nullable SSLContext controlTls() {
        return security.control();
    }
}
