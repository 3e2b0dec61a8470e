package org.splitmem.memory.shim;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.FdPassing;
import org.splitmem.memory.linux.Handshakes;
import org.splitmem.memory.linux.ListeningSocket;
import org.splitmem.memory.linux.Processes;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.thread.EssentialThread;

/**
 * Listens for shims, and serves their hand-shakes. What comes is not trusted: QEMU is what a guest that broke out has. Which VM it is of is
 * the {@link Hypervisor}'s word, not its own; all that it can take up is bounded for each process, and less for those that are no QEMU.
 */
public final class ShimServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ShimServer.class);
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
        return listener.acceptOne(this::begin);
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
        begun.start("shim-handshake", () -> serve(socket, caller, begun));
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
            ShimConversation.expect(message, message.receive(socket), ShimMessage.HELLO);
            Qemu qemu = requireQemu(caller, message);
            begun.through();
            keep = new ShimConversation(socket, message, qemu, handler, handshakes.limitMs()).hold();
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

    private static Qemu requireQemu(Caller caller, ShimMessage hello) throws IOException {
        Qemu qemu = caller.qemu();
        if (qemu == null) {
            throw new IOException(caller.why());
        }
        ShimConversation.requireOf(qemu, hello);
        return qemu;
    }

    private void tellNews(String line) {
        if (refusals.isNews(line, System.nanoTime())) {
            log.warn("{}", line);
        }
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
