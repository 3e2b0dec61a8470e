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

/** Another host's control API that answers everything with 200 and nothing else, after a while, or with the head of an answer alone. */
final class RawPeer implements AutoCloseable {
    private static final byte[] ANSWER =
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    private final ServerSocket listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
    private final List<String> heads = new CopyOnWriteArrayList<>();
    private static final byte[] HEAD =
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    private final long afterMs;
    private final boolean isWhole;
    private final CountDownLatch closed = new CountDownLatch(1);

    RawPeer(long afterMs) throws IOException {
        this(afterMs, true);
    }

    /** One that hangs in the middle of its answer. */
    static RawPeer thatHangs() throws IOException {
        return new RawPeer(0, false);
    }

    private RawPeer(long afterMs, boolean isWhole) throws IOException {
        this.afterMs = afterMs;
        this.isWhole = isWhole;
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
            socket.getOutputStream().write(isWhole ? ANSWER : HEAD);
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
