package org.splitmem.memory.testing;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * splitmemd in a process of its own, started by the distribution's launcher, so with the options of an installed one. Each has an address
 * of its own in 127.0.0.0/8, and may use all hosts that listen on the same ports there.
 */
public final class InstalledDaemon implements AutoCloseable {
    private static final Path LAUNCHER = Path.of("../distribution/src/bin/splitmemd");
    private static final String KEY = "0123456789abcdef0123456789abcdef";
    private static final long START_S = 120;
    private static final long END_S = 20;

    private final Path directory;
    private final String address;
    private final int controlPort;
    private final int managementPort;
    private final Process process;
    private final HttpClient http = HttpClient.newHttpClient();

    /** Ports that are the same on all hosts. */
    public record Network(int controlPort, int dataPort, List<String> hosts) {
        public static Network of(List<String> hosts) {
            return new Network(Ports.free().getPort(), Ports.free().getPort(), hosts);
        }

        /** Where the data port of a host is. */
        public InetSocketAddress data(String host) {
            return new InetSocketAddress(address(host), dataPort);
        }

        private String address(String host) {
            return "127.78.0." + (1 + hosts.indexOf(host));
        }

        private String peers() {
            return hosts.stream()
                    .map(host -> host + "@" + address(host) + ":" + controlPort)
                    .collect(Collectors.joining(", "));
        }
    }

    /**
     * Starts it.
     *
     * @param directory to be made; its files stay
     * @param isMeasured whether {@link DaemonUse} is to ask it
     */
    public InstalledDaemon(String host, Network network, Path directory, boolean isMeasured) throws IOException {
        this.managementPort = isMeasured ? Ports.free().getPort() : 0;
        this.directory = directory;
        this.address = network.address(host);
        this.controlPort = network.controlPort();
        install();
        for (String made : List.of("libvirt", "qmp")) {
            Files.createDirectories(directory.resolve(made));
        }
        Files.writeString(directory.resolve("key"), KEY);
        Files.writeString(directory.resolve("splitmem.conf"), """
                host.name = %1$s
                control.address = %2$s
                control.port = %3$d
                data.port = %4$d
                peers = %5$s
                cluster.key-file = %6$s/key
                control.socket = %6$s/control.sock
                memory.directory = %6$s/mem
                memory.lend-limit = 1TiB
                memory.guest-limit = off
                state.directory = %6$s/state
                shim.socket = %6$s/shim.sock
                shim.allowed-users = root
                libvirt.state-directory = %6$s/libvirt
                qmp.directory = %6$s/qmp
                log.level = warn
                """.formatted(
                        host, address, controlPort, network.dataPort(), network.peers(), directory));
        ProcessBuilder builder = new ProcessBuilder(
                        directory.resolve("bin/splitmemd").toString(),
                        "--config",
                        directory.resolve("splitmem.conf").toString())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("log").toFile());
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        if (isMeasured) {
            builder.environment()
                    .put(
                            "SPLITMEM_JAVA_OPTS",
                            "-Dcom.sun.management.jmxremote.host=127.0.0.1"
                                    + " -Dcom.sun.management.jmxremote.authenticate=false"
                                    + " -Dcom.sun.management.jmxremote.ssl=false"
                                    + " -Dcom.sun.management.jmxremote.port=" + managementPort);
        }
        process = builder.start();
    }

    /** As conf/ and docs/OPERATIONS.md have it, with the classes under test in place of the jars. */
    private void install() throws IOException {
        Path launcher = Files.createDirectories(directory.resolve("bin")).resolve("splitmemd");
        Files.copy(LAUNCHER, launcher);
        if (!launcher.toFile().setExecutable(true)) {
            throw new IOException(launcher + " cannot be made executable");
        }
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes()
                .put(
                        Attributes.Name.CLASS_PATH,
                        Stream.of(classPath().split(File.pathSeparator, -1))
                                .map(entry -> Path.of(entry).toUri().toString())
                                .collect(Collectors.joining(" ")));
        Path classes = Files.createDirectories(directory.resolve("lib")).resolve("classes.jar");
        try (OutputStream out = Files.newOutputStream(classes)) {
            new JarOutputStream(out, manifest).close();
        }
    }

    /** Of tests under Surefire, java.class.path is a jar that only names them. */
    private static String classPath() {
        return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    }

    public Path path(String name) {
        return directory.resolve(name);
    }

    public long pid() {
        return process.pid();
    }

    public int managementPort() {
        return managementPort;
    }

    /** All that it and its JVM have printed. */
    public String log() throws IOException {
        return Files.readString(path("log"));
    }

    /** @throws AssertionError with its log if it ends instead */
    public void awaitReady() throws Exception {
        Await.within(START_S, "splitmemd at " + address + " answers", () -> {
            if (!process.isAlive()) {
                throw new AssertionError("splitmemd has ended: " + log());
            }
            try {
                return ask("GET", "/v1/vms", "").statusCode() == 200;
            } catch (IOException e) {
                return false;
            }
        });
    }

    /** A request to its control API. */
    public HttpResponse<String> ask(String method, String path, String body) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + address + ":" + controlPort + path))
                .method(method, HttpRequest.BodyPublishers.ofString(body))
                .header("Authorization", "Bearer " + KEY)
                .build();
        return http.send(request, HttpResponse.BodyHandlers.ofString());
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(END_S, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
