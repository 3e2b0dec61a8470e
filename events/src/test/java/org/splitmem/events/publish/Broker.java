package org.splitmem.events.publish;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** devstack's Kafka broker, a process of its own with a directory below target. */
final class Broker implements AutoCloseable {
    private static final Path REPOSITORY = Path.of("..").toAbsolutePath().normalize();

    private final Path directory;
    private final int port;

    Broker(Path directory) throws IOException {
        this.directory = directory;
        this.port = freePort();
        run("up");
    }

    /** Below the kernel's own choices, so that no connection takes it while the broker is down; the next one is free too. */
    private static int freePort() throws IOException {
        BindException last = null;
        for (int port = 21_000; port < 30_000; port += 2) {
            try (ServerSocket one = new ServerSocket(port, 1, InetAddress.getLoopbackAddress());
                    ServerSocket next = new ServerSocket(port + 1, 1, InetAddress.getLoopbackAddress())) {
                return Math.min(one.getLocalPort(), next.getLocalPort());
            } catch (BindException taken) {
                last = taken;
            }
        }
        throw new IOException("no free port", last);
    }

    String address() {
        return "127.0.0.1:" + port;
    }

    void run(String command) throws IOException {
        List<String> line =
                new ArrayList<>(List.of(REPOSITORY.resolve("devstack/kafka.sh").toString()));
        line.addAll(List.of("--dir", directory.toString(), "--port", Integer.toString(port), command));
        ProcessBuilder builder = new ProcessBuilder(line).redirectErrorStream(true);
        builder.environment()
                .put(
                        "SPLITMEM_KAFKA_LIB",
                        REPOSITORY.resolve("target/kafka-lib").toString());
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.onExit().join().exitValue() != 0) {
            throw new AssertionError("kafka.sh " + command + ": " + said);
        }
    }

    @Override
    public void close() throws IOException {
        run("wipe");
    }
}
