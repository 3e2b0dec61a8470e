package org.splitmem.memory.shim;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.linux.Userfaultfd;

/** What a shim says on one connection, once it is known of which QEMU it is. Confined to the thread of the connection. */
final class ShimConversation {
    private static final Logger log = LoggerFactory.getLogger(ShimConversation.class);
    private static final int ROLE_ATTACH = 1, ROLE_SERVICE = 2, ROLE_DISCARD = 3;
    private static final int KNOWS_DISCARDS = 1;
    static final int MAX_BACKENDS = 256;

    private final StreamSocket socket;
    private final ShimMessage message;
    private final Qemu qemu;
    private final ShimHandler handler;
    private final long limitMs;

    /**
     * @param message that was received last: HELLO; used for all others
     * @param limitMs for each message that the shim is to send at once
     */
    ShimConversation(StreamSocket socket, ShimMessage message, Qemu qemu, ShimHandler handler, long limitMs) {
        this.socket = socket;
        this.message = message;
        this.qemu = qemu;
        this.handler = handler;
        this.limitMs = limitMs;
    }

    /** @return true if the connection is in use when this returns */
    boolean hold() throws IOException {
        socket.setTimeouts(limitMs, limitMs);
        switch (message.arg()) {
            case ROLE_ATTACH -> attach();
            case ROLE_SERVICE -> {
                return service();
            }
            case ROLE_DISCARD -> discards();
            default -> throw new IOException("unknown role " + message.arg());
        }
        return false;
    }

    /** @throws IOException if HELLO names another VM than libvirt does */
    static void requireOf(Qemu qemu, ShimMessage hello) throws IOException {
        UUID claimed = vmIn(hello);
        if (!claimed.equals(qemu.vm())) {
            throw new IOException("process " + qemu.pid() + " is the QEMU of VM " + qemu.vm() + ", not of " + claimed);
        }
    }

    private static UUID vmIn(ShimMessage message) throws IOException {
        try {
            return UUID.fromString(message.text());
        } catch (IllegalArgumentException e) {
            throw new IOException("SPLITMEM_VM is not a uuid: \"" + message.text() + "\"", e);
        }
    }

    private void attach() throws IOException {
        message.set(ShimMessage.WELCOME, message.seq(), 0, 0, 0, 0).send(socket, null);
        expect(message, message.receive(socket), ShimMessage.OPEN);
        int index = backendIn(message);
        ShimHandler.Backend backend = handler.open(qemu, index);
        try (Fd file = backend.file()) {
            message.set(ShimMessage.OPENED, message.seq(), index, backend.bytes(), 0, 0)
                    .send(socket, file);
        }
        socket.setTimeouts(0, limitMs); // QEMU maps when it comes to it
        receiveMapped();
    }

    private void discards() throws IOException {
        DiscardConnection connection = new DiscardConnection(socket);
        DiscardHandler discards = handler.discards(qemu, connection);
        message.set(ShimMessage.WELCOME, message.seq(), 0, 0, 0, 0).send(socket, null);
        socket.setTimeouts(0, limitMs); // and so are pages given back
        try {
            connection.serve(discards);
        } catch (IOException e) { // as a rule the shim has closed it: it was not answered in time, or is to ask no more
            log.debug("vm={} its shim asks no more what it may free: {}", qemu.vm(), e.getMessage());
        }
    }

    private boolean service() throws IOException {
        long backends = message.b();
        boolean knowsDiscards = message.c() == KNOWS_DISCARDS;
        if (backends < 1 || backends > MAX_BACKENDS) {
            throw new IOException("a service connection for " + backends + " backends");
        }
        message.set(ShimMessage.WELCOME, message.seq(), 0, 0, 0, 0).send(socket, null);
        List<Integer> announced = new ArrayList<>();
        for (long i = 0; i < backends; i++) {
            announced.add(receiveMapped());
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
    private int receiveMapped() throws IOException {
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
}
