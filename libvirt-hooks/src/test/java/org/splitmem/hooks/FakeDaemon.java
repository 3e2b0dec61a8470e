package org.splitmem.hooks;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Just enough of splitmemd's control API for the hook: HTTP on a Unix socket, one request a connection, one fixed answer at the end. */
final class FakeDaemon implements AutoCloseable {
    /** One request as it came. */
    record Request(String line, String headers, String body) {}

    /** How it answers. */
    enum Manner {
        ANSWERS,
        /** Reads the request and leaves it at that. */
        NEVER_ANSWERS,
        /** Closes the connection in the middle of its answer. */
        BREAKS_OFF
    }

    private final ServerSocketChannel server;
    private final Thread thread;
    private final List<Request> requests = new CopyOnWriteArrayList<>();
    private final int notYet;
    private final String answer;
    private final Manner manner;

    FakeDaemon(Path socket, Manner manner, int status, String body) throws IOException {
        this(socket, 0, manner, status, body);
    }

    /** @param notYet how many requests get a 202 before */
    FakeDaemon(Path socket, int notYet, Manner manner, int status, String body) throws IOException {
        this.notYet = notYet;
        this.manner = manner;
        this.answer = answer(status, body);
        this.server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(socket));
        this.thread = new Thread(this::serve, "fake daemon");
        thread.start();
    }

    private static String answer(int status, String body) {
        int length = body.getBytes(StandardCharsets.UTF_8).length;
        return "HTTP/1.1 " + status + " x\r\nContent-Type: text/plain\r\nContent-Length: " + length
                + "\r\nConnection: close\r\n\r\n" + body;
    }

    List<Request> requests() {
        return requests;
    }

    @Override
    public void close() throws IOException {
        server.close();
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted while a test ended", e);
        }
    }

    private void serve() {
        try {
            while (true) {
                try (SocketChannel client = server.accept()) {
                    requests.add(read(client));
                    respond(client);
                }
            }
        } catch (IOException closed) {
            // The end of the test.
        }
    }

    private void respond(SocketChannel client) throws IOException {
        if (requests.size() <= notYet) {
            byte[] later = answer(202, "").getBytes(StandardCharsets.UTF_8);
            write(client, later, later.length);
            return;
        }
        byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
        switch (manner) {
            case ANSWERS -> write(client, bytes, bytes.length);
            case BREAKS_OFF -> write(client, bytes, bytes.length - 10);
            case NEVER_ANSWERS -> {
                // Ends when the client gives up.
                while (client.read(ByteBuffer.allocate(1)) >= 0) {}
            }
        }
    }

    private static void write(SocketChannel client, byte[] bytes, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes, 0, length);
        while (buffer.hasRemaining()) {
            client.write(buffer);
        }
    }

    private static Request read(SocketChannel client) throws IOException {
        var received = new ByteArrayOutputStream();
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
        while (true) {
            String text = received.toString(StandardCharsets.ISO_8859_1);
            int end = text.indexOf("\r\n\r\n");
            if (end >= 0 && received.size() >= end + 4 + contentLength(text.substring(0, end))) {
                int firstLine = text.indexOf("\r\n");
                String body = received.toString(StandardCharsets.UTF_8)
                        .substring(received.toString(StandardCharsets.UTF_8).indexOf("\r\n\r\n") + 4);
                return new Request(text.substring(0, firstLine), text.substring(firstLine + 2, end), body);
            }
            buffer.clear();
            if (client.read(buffer) < 0) {
                throw new IOException("the hook broke off its request");
            }
            received.write(buffer.array(), 0, buffer.position());
        }
    }

    private static int contentLength(String head) {
        for (String line : head.lines().toList()) {
            if (line.regionMatches(true, 0, "Content-Length:", 0, 15)) {
                return Integer.parseInt(line.substring(15).strip());
            }
        }
        return 0;
    }
}
