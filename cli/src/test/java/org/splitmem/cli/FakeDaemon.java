package org.splitmem.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.splitmem.model.ErrorBody;
import org.splitmem.model.Json;

/** Answers HTTP on a Unix socket, in this process, as its routes say. What it was asked is kept. */
public final class FakeDaemon implements AutoCloseable {
    /** An answer. */
    public record Reply(int status, String body) {
        public static Reply ok(Object value) {
            return new Reply(200, Json.write(value));
        }

        public static Reply error(int status, String code, String message) {
            return new Reply(status, Json.write(ErrorBody.of(code, message)));
        }
    }

    private final Path directory;
    private final Path socket;
    private final ServerSocketChannel server;
    private final Map<String, Function<String, Reply>> routes = new ConcurrentHashMap<>();
    private final List<String> requests = new CopyOnWriteArrayList<>();

    public FakeDaemon() throws IOException {
        // Not a @TempDir: those can be too long for a socket's path.
        directory = Files.createTempDirectory("fake");
        socket = directory.resolve("s");
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(socket));
        var thread = new Thread(this::serve, "fake daemon");
        thread.setDaemon(true);
        thread.start();
    }

    public Path socket() {
        return socket;
    }

    /** @param request as in {@code GET /v1/vms}, without a query */
    public FakeDaemon on(String request, Function<String, Reply> answer) {
        routes.put(request, answer);
        return this;
    }

    public FakeDaemon on(String request, Reply answer) {
        return on(request, body -> answer);
    }

    /** Method, path and body of each request, in order. */
    public List<String> requests() {
        return requests;
    }

    private void serve() {
        while (true) {
            try (SocketChannel connection = server.accept()) {
                answer(connection);
            } catch (ClosedChannelException e) {
                return;
            } catch (IOException e) {
                // The client went away; the next one comes.
            }
        }
    }

    private void answer(SocketChannel connection) throws IOException {
        var reader =
                new BufferedReader(new InputStreamReader(Channels.newInputStream(connection), StandardCharsets.UTF_8));
        String[] start = reader.readLine().split(" ");
        String route = start[0] + " " + start[1];
        int length = 0;
        for (String line = reader.readLine(); !line.isEmpty(); line = reader.readLine()) {
            if (line.startsWith("Content-Length: ")) {
                length = Integer.parseInt(line.substring(16));
            }
        }
        char[] body = new char[length];
        for (int read = 0; read < length; ) {
            read += reader.read(body, read, length - read);
        }
        requests.add((route + " " + new String(body)).strip());
        Reply reply = routes.getOrDefault(
                        route.replaceFirst("\\?.*", ""),
                        any -> Reply.error(404, "not-found", "no such thing: " + route))
                .apply(new String(body));
        byte[] bytes = reply.body().getBytes(StandardCharsets.UTF_8);
        write(
                connection,
                ("HTTP/1.1 " + reply.status() + " Word\r\nContent-Length: " + bytes.length + "\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII));
        write(connection, bytes);
    }

    private static void write(SocketChannel connection, byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining()) {
            connection.write(buffer);
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        Files.deleteIfExists(socket);
        Files.delete(directory);
    }
}
