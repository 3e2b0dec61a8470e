package org.splitmem.memory.remote;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.splitmem.memory.linux.ListeningSocket;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;

/** A memory server that does what a test says on each connection; a hostile peer is one with a hostile script. */
final class ScriptedServer implements AutoCloseable {
    static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");

    /** What it does on one connection, after the handshake. */
    interface Script {
        /** @param connection counted from 1 */
        void serve(FrameSocket socket, int connection) throws IOException;
    }

    private final InetSocketAddress address = Ports.free();
    private final ListeningSocket listener;
    private final Script script;
    private final AtomicInteger connections = new AtomicInteger();
    private final CopyOnWriteArrayList<FrameSocket> open = new CopyOnWriteArrayList<>();
    private final Thread acceptor = new Thread(this::accept, "scripted-server");

    ScriptedServer(Script script) throws IOException {
        this.script = script;
        this.listener = ListeningSocket.tcp(address);
        acceptor.start();
    }

    private void accept() {
        try {
            StreamSocket peer;
            while ((peer = listener.accept()) != null) {
                FrameSocket socket = new FrameSocket(peer);
                open.add(socket);
                int number = connections.incrementAndGet();
                Thread thread = new Thread(() -> serve(socket, number), "scripted-" + number);
                thread.setDaemon(true);
                thread.start();
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private void serve(FrameSocket socket, int number) {
        try (socket) {
            socket.receive();
            socket.receiveSmall();
            socket.send(FrameType.WELCOME, 0, 0, FrameSocket.VERSION);
            script.serve(socket, number);
        } catch (IOException e) { // the client went away, or refuses the lie: what the test is about
            socket.socket().shutdown();
        } finally {
            open.remove(socket);
        }
    }

    Endpoint endpoint(long pages) {
        return new Endpoint("h2", address, VM, "token", 1, pages);
    }

    int connections() {
        return connections.get();
    }

    @Override
    public void close() {
        listener.shutdown();
        open.forEach(socket -> socket.socket().shutdown());
        try {
            acceptor.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        listener.close();
    }
}
