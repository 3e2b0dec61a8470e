package org.splitmem.memory.shim;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.FdPassing;
import org.splitmem.memory.linux.ListeningSocket;
import org.splitmem.memory.linux.StreamSocket;

/** Listens for shims, checks who they are, and serves their hand-shakes. */
public final class ShimServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ShimServer.class);
    private static final int ROLE_ATTACH = 1, ROLE_SERVICE = 2, ROLE_DISCARD = 3;
    private static final int KNOWS_DISCARDS = 1;
    private static final int MAX_BACKENDS = 256;
    private static final long ANSWER_MS = 10_000;

    private final Path path;
    private final Set<Integer> allowedUids;
    private final ShimHandler handler;
    private final ListeningSocket listener;
    private final long answerMs;
    private final Refusals refusals = new Refusals();
    private final Thread acceptor;
    private volatile boolean closed;

    /** Binds the socket, replacing one that an earlier daemon left. */
    public ShimServer(Path path, Set<Integer> allowedUids, ShimHandler handler) throws IOException {
        this(path, allowedUids, handler, ANSWER_MS);
    }

    /** @param answerMs after which a shim that does not go on with its hand-shake is dropped */
    ShimServer(Path path, Set<Integer> allowedUids, ShimHandler handler, long answerMs) throws IOException {
        this.answerMs = answerMs;
        this.path = path;
        this.allowedUids = Set.copyOf(allowedUids);
        this.handler = handler;
        Files.deleteIfExists(path);
        this.listener = ListeningSocket.unix(path.toString());
        // Who may really talk is decided by the peer's credentials.
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-rw-rw-"));
        this.acceptor = new Thread(this::accept, "shim-accept");
    }

    public void start() {
        acceptor.start();
    }

    private void accept() {
        while (!closed) {
            try {
                StreamSocket socket = listener.accept();
                if (socket == null) {
                    return;
                }
                Thread thread = new Thread(() -> serve(socket), "shim-handshake");
                thread.setDaemon(true);
                thread.start();
            } catch (IOException e) {
                log.warn("the shim socket cannot accept: {}", e.getMessage());
            }
        }
    }

    private void serve(StreamSocket socket) {
        ShimMessage message = new ShimMessage();
        boolean keep = false;
        try {
            socket.setTimeouts(answerMs, answerMs);
            // Before any refusal: a shim whose HELLO meets a closed socket would never read why.
            expect(message, message.receive(socket), ShimMessage.HELLO);
            FdPassing.Peer peer = FdPassing.peer(socket);
            if (!allowedUids.contains(peer.uid())) {
                throw new IOException("user " + peer.uid() + " is not among shim.allowed-users of splitmem.conf");
            }
            UUID vm = vmIn(message);
            if (message.arg() == ROLE_ATTACH) {
                attach(socket, message, vm, peer.pid());
            } else if (message.arg() == ROLE_SERVICE) {
                keep = service(socket, message, vm, peer.pid());
            } else if (message.arg() == ROLE_DISCARD) {
                discards(socket, message, vm, peer.pid());
            } else {
                throw new IOException("unknown role " + message.arg());
            }
        } catch (IOException | RuntimeException e) {
            if (refusals.isNews(String.valueOf(e.getMessage()), System.nanoTime())) {
                log.warn("a shim was refused: {}", e.getMessage());
            }
            answerError(socket, message, String.valueOf(e.getMessage()));
        } finally {
            if (!keep) {
                socket.close();
            }
        }
    }

    private static UUID vmIn(ShimMessage message) throws IOException {
        try {
            return UUID.fromString(message.text());
        } catch (IllegalArgumentException e) {
            throw new IOException("SPLITMEM_VM is not a uuid: \"" + message.text() + "\"", e);
        }
    }

    private void attach(StreamSocket socket, ShimMessage message, UUID vm, int pid) throws IOException {
        message.set(ShimMessage.WELCOME, message.seq(), 0, 0, 0, 0).send(socket, null);
        expect(message, message.receive(socket), ShimMessage.OPEN);
        int index = backendIn(message);
        ShimHandler.Backend backend = handler.open(vm, pid, index);
        try (Fd file = backend.file()) {
            message.set(ShimMessage.OPENED, message.seq(), index, backend.bytes(), 0, 0)
                    .send(socket, file);
        }
        socket.setTimeouts(0, answerMs); // QEMU maps when it comes to it
        receiveMapped(socket, message, vm, pid);
    }

    private void discards(StreamSocket socket, ShimMessage message, UUID vm, int pid) throws IOException {
        DiscardConnection connection = new DiscardConnection(socket);
        DiscardHandler discards = handler.discards(vm, pid, connection);
        message.set(ShimMessage.WELCOME, message.seq(), 0, 0, 0, 0).send(socket, null);
        socket.setTimeouts(0, answerMs);
        try {
            connection.serve(discards);
        } catch (IOException e) { // as a rule the shim has closed it: it was not answered in time, or is to ask no more
            log.debug("vm={} its shim asks no more what it may free: {}", vm, e.getMessage());
        }
    }

    private boolean service(StreamSocket socket, ShimMessage message, UUID vm, int pid) throws IOException {
        long backends = message.b();
        boolean knowsDiscards = message.c() == KNOWS_DISCARDS;
        if (backends < 1 || backends > MAX_BACKENDS) {
            throw new IOException("a service connection for " + backends + " backends");
        }
        message.set(ShimMessage.WELCOME, message.seq(), 0, 0, 0, 0).send(socket, null);
        List<Integer> announced = new ArrayList<>();
        for (long i = 0; i < backends; i++) {
            announced.add(receiveMapped(socket, message, vm, pid));
        }
        ShimSession session = new ShimSession(vm, socket, announced, knowsDiscards);
        try {
            handler.ready(session);
        } catch (IOException e) {
            log.warn("vm={} its shim is to connect again: {}", vm, e.getMessage());
            session.disconnect();
        }
        return true;
    }

    /** @return which backend it is */
    private int receiveMapped(StreamSocket socket, ShimMessage message, UUID vm, int pid) throws IOException {
        Fd uffd = message.receive(socket);
        if (uffd == null) {
            throw new IOException("MAPPED came without a userfaultfd");
        }
        ShimHandler.Watch watch;
        try {
            expect(message, null, ShimMessage.MAPPED);
            watch = handler.mapped(vm, pid, backendIn(message), message.a(), message.b(), uffd);
        } catch (IOException e) {
            uffd.close();
            throw e;
        }
        message.set(
                        ShimMessage.MAPPED_OK,
                        message.seq(),
                        message.arg(),
                        watch.modes(),
                        watch.discards().code(),
                        0)
                .send(socket, null);
        return message.arg();
    }

    static void expect(ShimMessage message, @Nullable Fd unwanted, int type) throws IOException {
        if (unwanted != null) {
            unwanted.close();
            throw new IOException("a descriptor came where none was expected");
        }
        if (message.type() != type) {
            throw new IOException("message type " + message.type() + " where " + type + " was expected");
        }
    }

    private static int backendIn(ShimMessage message) throws IOException {
        if (message.arg() < 0 || message.arg() >= MAX_BACKENDS) {
            throw new IOException("RAM backend " + message.arg() + " is out of range 0-" + (MAX_BACKENDS - 1));
        }
        return message.arg();
    }

    private static void answerError(StreamSocket socket, ShimMessage message, String why) {
        try {
            message.set(ShimMessage.ERROR, message.seq(), 1, 0, 0, 0).text(why).send(socket, null);
        } catch (IOException e) {
            log.debug("the refusal could not be told: {}", e.getMessage());
        }
    }

    @Override
    public void close() {
        closed = true;
        listener.shutdown();
        try {
            acceptor.join();
            Files.deleteIfExists(path);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            log.warn("{} could not be removed: {}", path, e.getMessage());
        }
        listener.close();
    }
}
