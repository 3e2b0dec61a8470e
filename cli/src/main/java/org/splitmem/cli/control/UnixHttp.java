package org.splitmem.cli.control;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * HTTP over a Unix socket, one request per connection.
 *
 * <p>By hand, because the JDK's client has no Unix sockets and Jetty's needs 0.3 s to start where this needs 0.05 s, at each command.
 * It speaks HTTP/1.0, whose answers end with the connection: there is no keep-alive and there are no chunks to handle.
 *
 * @param timeout for a whole exchange
 */
record UnixHttp(Path socket, Duration timeout) {
    private static final int MAX_ANSWER_BYTES = 64 << 20;
    private static final byte[] END_OF_HEADERS = {'\r', '\n', '\r', '\n'};

    /** What came back. */
    record Answer(int status, String body) {}

    /**
     * Sends a request and reads the answer.
     *
     * @param target path and query, percent-encoded
     * @param json the body; null for none
     * @throws SocketTimeoutException if the answer is not there in time
     * @throws IOException if there is no connection, or the answer is cut or not HTTP
     */
    Answer send(String method, String target, byte @Nullable [] json) throws IOException {
        long deadlineNs = System.nanoTime() + timeout.toNanos();
        try (var channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
                var selector = Selector.open()) {
            channel.configureBlocking(false);
            SelectionKey key = channel.register(selector, SelectionKey.OP_WRITE);
            ByteBuffer request = ByteBuffer.wrap(request(method, target, json));
            while (request.hasRemaining()) {
                await(selector, deadlineNs);
                channel.write(request);
            }
            key.interestOps(SelectionKey.OP_READ);
            return parse(readToEnd(channel, selector, deadlineNs));
        }
    }

    private static byte[] request(String method, String target, byte @Nullable [] json) {
        var head = new StringBuilder()
                .append(method)
                .append(' ')
                .append(target)
                .append(" HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n");
        if (json != null) {
            head.append("Content-Type: application/json\r\nContent-Length: ")
                    .append(json.length)
                    .append("\r\n");
        }
        var bytes = new ByteArrayOutputStream();
        bytes.writeBytes(head.append("\r\n").toString().getBytes(StandardCharsets.US_ASCII));
        if (json != null) {
            bytes.writeBytes(json);
        }
        return bytes.toByteArray();
    }

    private void await(Selector selector, long deadlineNs) throws IOException {
        long leftMs = (deadlineNs - System.nanoTime()) / 1_000_000;
        selector.selectedKeys().clear();
        if (leftMs <= 0 || selector.select(leftMs) == 0) {
            throw new SocketTimeoutException("no answer within " + timeout.toSeconds() + " s");
        }
    }

    private byte[] readToEnd(SocketChannel channel, Selector selector, long deadlineNs) throws IOException {
        var bytes = new ByteArrayOutputStream();
        ByteBuffer buffer = ByteBuffer.allocate(16 << 10);
        while (true) {
            await(selector, deadlineNs);
            int read = channel.read(buffer.clear());
            if (read < 0) {
                return bytes.toByteArray();
            }
            bytes.write(buffer.array(), 0, read);
            if (bytes.size() > MAX_ANSWER_BYTES) {
                throw new IOException("the answer is longer than " + MAX_ANSWER_BYTES + " bytes");
            }
        }
    }

    private static Answer parse(byte[] bytes) throws IOException {
        int end = indexOf(bytes, END_OF_HEADERS);
        if (end < 0) {
            throw new EOFException("the connection ended before the answer did");
        }
        String[] lines = new String(bytes, 0, end, StandardCharsets.ISO_8859_1).split("\r\n");
        byte[] body = Arrays.copyOfRange(bytes, end + END_OF_HEADERS.length, bytes.length);
        for (String line : lines) {
            String lower = line.toLowerCase(Locale.ROOT);
            if (lower.startsWith("content-length:") && body.length != number(lower.substring(15))) {
                throw new EOFException("the answer was cut at " + body.length + " of" + lower.substring(15) + " bytes");
            }
        }
        String[] status = lines[0].split(" ");
        if (!status[0].startsWith("HTTP/1.") || status.length < 2) {
            throw new IOException("the answer is not HTTP: " + lines[0]);
        }
        return new Answer(number(status[1]), new String(body, StandardCharsets.UTF_8));
    }

    private static int number(String text) throws IOException {
        try {
            return Integer.parseInt(text.trim());
        } catch (NumberFormatException e) {
            throw new IOException("the answer is not HTTP: no number: " + text, e);
        }
    }

    private static int indexOf(byte[] bytes, byte[] part) {
        for (int i = 0; i <= bytes.length - part.length; i++) {
            if (Arrays.equals(bytes, i, i + part.length, part, 0, part.length)) {
                return i;
            }
        }
        return -1;
    }
}
