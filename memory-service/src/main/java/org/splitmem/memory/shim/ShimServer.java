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
import org.splitmem.memory.linux.Handshakes;
import org.splitmem.memory.linux.ListeningSocket;
import org.splitmem.memory.linux.Processes;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.linux.Userfaultfd;
import org.splitmem.memory.thread.EssentialThread;

/**
 * Listens for shims, and serves their hand-shakes. What comes is not trusted: QEMU is what a guest that broke out has. Which VM it is of is
 * the {@link Hypervisor}'s word, not its own; all that it can take up is bounded for each process, and less for those that are no QEMU.
 */
public final class ShimServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ShimServer.class);
    private static final int ROLE_ATTACH = 1, ROLE_SERVICE = 2, ROLE_DISCARD = 3;
    private static final int KNOWS_DISCARDS = 1;
    private static final int MAX_BACKENDS = 256;
    private static final long ANSWER_MS = 10_000;
    /** Connections of one QEMU at once that a thread serves. Its shim has at most three, and a moment ago had others. */
    static final int MOST_OF_QEMU = 16;
    /** Connections at once of one user's processes that are no QEMU of a VM: each only waits to be told so. */
    static final int MOST_OF_STRANGERS = 32;

    private final Path path;
    private final Set<Integer> allowedUids;
    private final Hypervisor hypervisor;
    private final ShimHandler handler;
    private final ListeningSocket listener;
    private final Handshakes handshakes;
    private final Refusals refusals = new Refusals();
    private final EssentialThread acceptor;

    /** Binds the socket, replacing one that an earlier daemon left. */
    public ShimServer(Path path, Set<Integer> allowedUids, Hypervisor hypervisor, ShimHandler handler)
            throws IOException {
        this(path, allowedUids, hypervisor, handler, ANSWER_MS);
    }

    /** @param answerMs for a whole HELLO, and then for each message that the shim is to send at once */
    ShimServer(Path path, Set<Integer> allowedUids, Hypervisor hypervisor, ShimHandler handler, long answerMs)
            throws IOException {
        this.handshakes = new Handshakes("shim-handshakes", answerMs);
        this.path = path;
        this.allowedUids = Set.copyOf(allowedUids);
        this.hypervisor = hypervisor;
        this.handler = handler;
        Files.deleteIfExists(path);
        this.listener = ListeningSocket.unix(path.toString());
        // Who may really talk is decided by the peer's credentials.
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-rw-rw-"));
        this.acceptor = new EssentialThread("shim-accept", "accepting on " + path, this::accept);
    }

    public void start() {
        acceptor.start();
    }

    /** @return false once the socket is closed */
    private boolean accept() throws IOException {
        StreamSocket socket = listener.accept();
        if (socket == null) {
            return false;
        }
        boolean begun = false;
        try {
            begin(socket);
            begun = true;
        } finally {
            if (!begun) { // there is no memory for it, or no thread
                socket.close();
            }
        }
        return true;
    }

    /** What fails at present; null if nothing does. Any thread. */
    public @Nullable String trouble() {
        return acceptor.trouble();
    }

    private void begin(StreamSocket socket) {
        Caller caller = callerOn(socket);
        Handshakes.Handshake begun = handshakes.begin(caller.countedAs(), caller.most(), () -> endSlow(socket));
        if (begun == null) {
            tellNews(caller.countedAs() + " has " + caller.most()
                    + " connections to the shim socket; one more is dropped");
            socket.close();
            return;
        }
        boolean serves = false;
        try {
            Thread thread = new Thread(() -> serve(socket, caller, begun), "shim-handshake");
            thread.setDaemon(true);
            thread.start();
            serves = true;
        } finally {
            if (!serves) {
                begun.close();
            }
        }
    }

    /** Its own thread receives meanwhile; what little is sent here finds room in the kernel. */
    private void endSlow(StreamSocket socket) {
        answerError(socket, new ShimMessage(), "no whole HELLO came within " + handshakes.limitMs() + " ms");
        socket.shutdown();
    }

    /**
     * Who has connected.
     *
     * @param qemu null if it may not talk
     * @param why it may not, if so
     */
    private record Caller(@Nullable Qemu qemu, String why, String countedAs) {
        int most() {
            return qemu == null ? MOST_OF_STRANGERS : MOST_OF_QEMU;
        }
    }

    private Caller callerOn(StreamSocket socket) {
        try {
            FdPassing.Peer peer = FdPassing.peer(socket);
            String strangers = "user " + peer.uid();
            if (!allowedUids.contains(peer.uid())) {
                return new Caller(null, strangers + " is not among shim.allowed-users of splitmem.conf", strangers);
            }
            try (Fd process = FdPassing.peerProcess(socket)) {
                Qemu qemu = hypervisor.qemuOf(peer);
                if (qemu == null || Processes.hasExited(process)) { // then its number may be another's by now
                    String why = "process " + peer.pid() + " is no QEMU that libvirt has started on this host";
                    return new Caller(null, why, strangers);
                }
                return new Caller(qemu, "", "process " + peer.pid());
            } catch (IOException | RuntimeException e) {
                return new Caller(null, String.valueOf(e.getMessage()), strangers);
            }
        } catch (IOException e) {
            return new Caller(null, String.valueOf(e.getMessage()), "processes that have ended");
        }
    }

    private void serve(StreamSocket socket, Caller caller, Handshakes.Handshake begun) {
        ShimMessage message = new ShimMessage();
        boolean keep = false;
        try (begun) {
            socket.setTimeouts(0, handshakes.limitMs());
            // Before any refusal: a shim whose HELLO meets a closed socket would never read why.
            expect(message, message.receive(socket), ShimMessage.HELLO);
            Qemu qemu = requireQemu(caller, message);
            begun.through();
            socket.setTimeouts(handshakes.limitMs(), handshakes.limitMs());
            if (message.arg() == ROLE_ATTACH) {
                attach(socket, message, qemu);
            } else if (message.arg() == ROLE_SERVICE) {
                keep = service(socket, message, qemu);
            } else if (message.arg() == ROLE_DISCARD) {
                discards(socket, message, qemu);
            } else {
                throw new IOException("unknown role " + message.arg());
            }
        } catch (IOException | RuntimeException e) {
            String why = String.valueOf(e.getMessage());
            tellNews("a shim was refused: " + why);
            answerError(socket, message, why);
        } finally {
            if (!keep) {
                socket.close();
            }
        }
    }

    private void tellNews(String line) {
        if (refusals.isNews(line, System.nanoTime())) {
            log.warn("{}", line);
        }
    }

    private static Qemu requireQemu(Caller caller, ShimMessage hello) throws IOException {
        Qemu qemu = caller.qemu();
        if (qemu == null) {
            throw new IOException(caller.why());
        }
        UUID claimed = vmIn(hello);
        if (!claimed.equals(qemu.vm())) {
            throw new IOException("process " + qemu.pid() + " is the QEMU of VM " + qemu.vm() + ", not of " + claimed);
        }
        return qemu;
    }

    private static UUID vmIn(ShimMessage message) throws IOException {
        try {
            return UUID.fromString(message.text());
        } catch (IllegalArgumentException e) {
            throw new IOException("SPLITMEM_VM is not a uuid: \"" + message.text() + "\"", e);
        }
    }

    private void attach(StreamSocket socket, ShimMessage message, Qemu qemu) throws IOException {
        message.set(ShimMessage.WELCOME, message.seq(), 0, 0, 0, 0).send(socket, null);
        expect(message, message.receive(socket), ShimMessage.OPEN);
        int index = backendIn(message);
        ShimHandler.Backend backend = handler.open(qemu, index);
        try (Fd file = backend.file()) {
            message.set(ShimMessage.OPENED, message.seq(), index, backend.bytes(), 0, 0)
                    .send(socket, file);
        }
        socket.setTimeouts(0, handshakes.limitMs()); // QEMU maps when it comes to it
        receiveMapped(socket, message, qemu);
    }

    private void discards(StreamSocket socket, ShimMessage message, Qemu qemu) throws IOException {
        DiscardConnection connection = new DiscardConnection(socket);
        DiscardHandler discards = handler.discards(qemu, connection);
        message.set(ShimMessage.WELCOME, message.seq(), 0, 0, 0, 0).send(socket, null);
        socket.setTimeouts(0, handshakes.limitMs()); // and so are pages given back
        try {
            connection.serve(discards);
        } catch (IOException e) { // as a rule the shim has closed it: it was not answered in time, or is to ask no more
            log.debug("vm={} its shim asks no more what it may free: {}", qemu.vm(), e.getMessage());
        }
    }

    private boolean service(StreamSocket socket, ShimMessage message, Qemu qemu) throws IOException {
        long backends = message.b();
        boolean knowsDiscards = message.c() == KNOWS_DISCARDS;
        if (backends < 1 || backends > MAX_BACKENDS) {
            throw new IOException("a service connection for " + backends + " backends");
        }
        message.set(ShimMessage.WELCOME, message.seq(), 0, 0, 0, 0).send(socket, null);
        List<Integer> announced = new ArrayList<>();
        for (long i = 0; i < backends; i++) {
            announced.add(receiveMapped(socket, message, qemu));
        }
        ShimSession session = new ShimSession(qemu.vm(), socket, announced, knowsDiscards);
        try {
            handler.ready(session);
        } catch (IOException e) {
            log.warn("vm={} its shim is to connect again: {}", qemu.vm(), e.getMessage());
            session.disconnect();
        }
        return true;
    }

    /** @return which backend it is */
    private int receiveMapped(StreamSocket socket, ShimMessage message, Qemu qemu) throws IOException {
        Fd uffd = message.receive(socket);
        if (uffd == null) {
            throw new IOException("MAPPED came without a userfaultfd");
        }
        ShimHandler.Watch watch;
        try {
            expect(message, null, ShimMessage.MAPPED);
            Userfaultfd.requireOne(uffd, message.a(), message.b());
            watch = handler.mapped(qemu, backendIn(message), message.a(), message.b(), uffd);
        } catch (IOException | RuntimeException e) {
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

    static void expectNone(@Nullable Fd unwanted) throws IOException {
        if (unwanted != null) {
            unwanted.close();
            throw new IOException("a descriptor came where none was expected");
        }
    }

    static void expect(ShimMessage message, @Nullable Fd unwanted, int type) throws IOException {
        expectNone(unwanted);
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
        acceptor.end();
        listener.shutdown();
        handshakes.close();
        try {
            acceptor.join(0);
            Files.deleteIfExists(path);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            log.warn("{} could not be removed: {}", path, e.getMessage());
        }
        listener.close();
    }
}
