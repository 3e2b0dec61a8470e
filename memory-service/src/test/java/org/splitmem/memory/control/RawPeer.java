package org.splitmem.memory.control;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Another host's control API that answers everything with 200 and the same body, after a while, or with the head of an answer alone. */
final class RawPeer implements AutoCloseable {
    private final ServerSocket listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
    private final List<String> heads = new CopyOnWriteArrayList<>();
    private final long afterMs;
    private final boolean isWhole;
    private final byte[] answer;
    private final CountDownLatch closed = new CountDownLatch(1);

    RawPeer(long afterMs) throws IOException {
        this(afterMs, "");
    }

    /** @param body in ASCII */
    RawPeer(long afterMs, String body) throws IOException {
        this(
                afterMs,
                "HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\nConnection: close\r\n\r\n" + body,
                true);
    }

    /** One that hangs in the middle of its answer. */
    static RawPeer thatHangs() throws IOException {
        return new RawPeer(0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", false);
    }

    private RawPeer(long afterMs, String answer, boolean isWhole) throws IOException {
        this.afterMs = afterMs;
        this.isWhole = isWhole;
        this.answer = answer.getBytes(StandardCharsets.US_ASCII);
        Thread thread = new Thread(this::serve, "raw-peer");
        thread.setDaemon(true);
        thread.start();
    }

    int port() {
        return listener.getLocalPort();
    }

    /** Of each request so far, in lower case. */
    List<String> heads() {
        return heads;
    }

    private void serve() {
        try {
            while (true) {
                answer(listener.accept());
            }
        } catch (IOException | InterruptedException e) {
            Thread.currentThread().interrupt(); // it is closed
        }
    }

    private void answer(Socket accepted) throws IOException, InterruptedException {
        try (Socket socket = accepted) {
            BufferedReader in =
                    new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
            StringBuilder head = new StringBuilder();
            for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
                head.append(line.toLowerCase(java.util.Locale.ROOT)).append('\n');
            }
            heads.add(head.toString());
            TimeUnit.MILLISECONDS.sleep(afterMs);
            socket.getOutputStream().write(answer);
            if (!isWhole) {
                closed.await();
            }
        }
    }

    @Override
    public void close() throws IOException {
        closed.countDown();
        listener.close();
    }
}
