package org.splitmem.memory.server;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.linux.Handshakes;
import org.splitmem.memory.linux.ListeningSocket;
import org.splitmem.memory.net.Transport;
import org.splitmem.memory.thread.EssentialThread;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.SmallJson;

/** The data port: accepts peers, shakes hands, and hands each connection to whom it is for. */
public final class DataServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(DataServer.class);
    /** Connections at once; one more is refused. 200 VMs with 16 streams each, and room. */
    private static final int MAX_CONNECTIONS = 4_096;
    /** Of connections that have not sent their HELLO. */
    static final int MOST_SHAKING_OF_ADDRESS = 256;
    /** How long those that are served may take to end. */
    private static final long END_NS = 2_000_000_000L;

    private static final long LOOK_NS = 1_000_000L;

    private final ListeningSocket listener;
    private final List<ConnectionResolver> resolvers;
    /** With the thread that serves each; until that has begun, the one that accepted it. */
    private final Map<FrameSocket, Thread> open = new ConcurrentHashMap<>();
    /** Those of them that have shown a token. */
    private final Set<FrameSocket> served = ConcurrentHashMap.newKeySet();

    private final Handshakes handshakes;
    private final AtomicLong serial = new AtomicLong();
    private final EssentialThread acceptor;
    private volatile boolean closed;

    /** Binds; {@link #start} accepts. */
    public DataServer(InetSocketAddress address, List<ConnectionResolver> resolvers) throws IOException {
        this(address, resolvers, Transport.HANDSHAKE_MS);
    }

    /** @param handshakeMs after which a peer that does not go on with its hand-shake is dropped */
    DataServer(InetSocketAddress address, List<ConnectionResolver> resolvers, long handshakeMs) throws IOException {
        this.handshakes = new Handshakes("data-handshakes", handshakeMs);
        this.listener = Transport.listen(address);
        this.resolvers = List.copyOf(resolvers);
        this.acceptor = new EssentialThread("data-accept", "accepting on the data port", this::accept);
    }

    public void start() {
        acceptor.start();
    }

    /** @return false once the port is closed */
    private boolean accept() throws IOException {
        return listener.acceptOne(peer -> begin(new FrameSocket(peer)));
    }

    /** What fails at present; null if nothing does. Any thread. */
    public @Nullable String trouble() {
        return acceptor.trouble();
    }

    private void begin(FrameSocket socket) {
        Handshakes.Handshake begun =
                handshakes.begin(addressOf(socket), MOST_SHAKING_OF_ADDRESS, () -> endSlow(socket));
        if (begun == null) {
            log.debug("connection of {} dropped: its address has too many without a HELLO", socket.peer());
            socket.close();
            return;
        }
        open.put(socket, Thread.currentThread());
        boolean serves = false;
        try {
            begun.start("data-" + serial.incrementAndGet(), () -> serve(socket, begun));
            serves = true;
        } finally {
            if (!serves) {
                open.remove(socket);
            }
        }
    }

    /** Its own thread receives meanwhile; what little is sent here finds room in the kernel. */
    private void endSlow(FrameSocket socket) {
        try {
            socket.sendError(ErrorCode.BAD_FRAME, "no whole HELLO came within " + handshakes.limitMs() + " ms");
        } catch (IOException e) {
            log.debug("{} is not told that it was too slow: {}", socket.peer(), e.getMessage());
        }
        socket.socket().shutdown();
    }

    private static String addressOf(FrameSocket socket) {
        String peer = socket.peer();
        return peer.substring(0, Math.max(0, peer.lastIndexOf(':')));
    }

    private void serve(FrameSocket socket, Handshakes.Handshake begun) {
        String who = socket.peer();
        open.put(socket, Thread.currentThread());
        try (socket) {
            try {
                @Nullable Hello hello;
                try (begun) {
                    hello = shakeHands(socket);
                }
                if (hello == null) {
                    return;
                }
                who = hello.role() + " of vm " + hello.vm() + " from " + socket.peer();
                ConnectionHandler handler = resolve(hello);
                served.add(socket);
                if (served.size() > MAX_CONNECTIONS) {
                    throw new PeerException(ErrorCode.INTERNAL, "too many connections on this host");
                }
                socket.send(FrameType.WELCOME, 0, 0, FrameSocket.VERSION);
                handler.serve(socket);
            } catch (PeerException e) {
                log.warn("connection ({}) refused: {}", who, e.getMessage());
                refuse(socket, e);
            }
        } catch (EOFException e) {
            log.debug("connection ({}) ended: {}", who, e.getMessage());
        } catch (IOException e) {
            if (!closed) {
                log.warn("connection ({}) broke: {}", who, e.getMessage());
            }
        } catch (RuntimeException e) {
            log.error("connection ({}) failed", who, e);
        } finally {
            open.remove(socket);
            served.remove(socket);
        }
    }

    private static @Nullable Hello shakeHands(FrameSocket socket) throws IOException {
        Transport.accepted(socket.socket());
        if (!socket.receive()) {
            return null;
        }
        if (socket.type() != FrameType.HELLO) {
            throw socket.bad("no HELLO before it");
        }
        return SmallJson.hello(socket.receiveSmall());
    }

    private ConnectionHandler resolve(Hello hello) throws PeerException {
        for (ConnectionResolver resolver : resolvers) {
            ConnectionHandler handler = resolver.resolve(hello);
            if (handler != null) {
                return handler;
            }
        }
        throw new PeerException(
                ErrorCode.UNKNOWN_VM,
                "no memory of VM " + hello.vm() + " is kept or expected here under this token (role " + hello.role()
                        + ")");
    }

    private static void refuse(FrameSocket socket, PeerException why) throws IOException {
        String message = why.getMessage();
        socket.sendError(why.code(), message == null ? "refused" : message);
        socket.socket().drainAfterRefusal();
    }

    /**
     * Ends all connections, also those that are just being accepted. When it returns nobody is served any more, but for one whose answer
     * takes longer than two seconds, and the caller's own.
     */
    @Override
    public void close() {
        closed = true;
        acceptor.end();
        listener.shutdown();
        try {
            acceptor.join(0);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        listener.close();
        open.keySet().forEach(socket -> socket.socket().shutdown());
        handshakes.close();
        long endNs = System.nanoTime() + END_NS;
        while (isServingOthers() && System.nanoTime() - endNs < 0) {
            LockSupport.parkNanos(LOOK_NS);
        }
    }

    private boolean isServingOthers() {
        return open.values().stream().anyMatch(thread -> thread != Thread.currentThread());
    }
}
