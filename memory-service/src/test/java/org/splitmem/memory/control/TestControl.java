package org.splitmem.memory.control;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.splitmem.memory.config.DaemonConfig;
import org.splitmem.memory.drain.Drainer;
import org.splitmem.memory.drain.Lending;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.migration.ExpectationFile;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.migration.GuestRoom;
import org.splitmem.memory.migration.MigrationConfig;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.migration.PeerDirectory;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.migration.PendingReleases;
import org.splitmem.memory.migration.SplitStarts;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.vm.SplitDefinitions;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRegistry;

/** The control API of a host, h1 unless said otherwise, on a real Unix socket and a real TCP port, over a daemon's real objects. */
final class TestControl implements AutoCloseable {
    static final String KEY = "0123456789abcdef0123456789abcdef";

    private final DaemonConfig config;
    private final VmRegistry vms;
    private final ControlServer server;
    private final Drainer drainer;

    /** What the daemon says that it cannot do. */
    volatile List<String> troubles = List.of();

    /** The most that guests may take of the host, in bytes. */
    volatile long guestLimit = Long.MAX_VALUE;

    /**
     * Starts it.
     *
     * @param peerPort of the control API of its only peer, h2
     */
    TestControl(MemoryDirectory directory, int peerPort, long idleMs) throws Exception {
        this("h1", directory, Ports.free().getPort(), "h2", peerPort, idleMs);
    }

    /** Of any host, with another one as its only peer. */
    TestControl(String name, MemoryDirectory directory, int port, String peer, int peerPort) throws Exception {
        this(name, directory, port, peer, peerPort, ControlServer.IDLE_MS);
    }

    private TestControl(String name, MemoryDirectory directory, int port, String peer, int peerPort, long idleMs)
            throws Exception {
        Path file = directory.resolve("splitmem.conf");
        Files.writeString(file, """
                host.name = %4$s
                control.socket = %1$s/control.sock
                control.address = 127.0.0.1
                control.port = %2$d
                peers = %4$s@127.0.0.1, %5$s@127.0.0.1:%3$d
                memory.lend-limit = 1GiB
                """.formatted(directory.path(), port, peerPort, name, peer));
        config = DaemonConfig.load(file);
        HostFacts facts = new HostFacts();
        PeerDirectory known = new PeerDirectory(config.self(), config.peers(), directory.resolve("peers.json"));
        HttpPeers peers = new HttpPeers(known, config.dataPort(), KEY);
        SplitDefinitions definitions = new SplitDefinitions(directory.resolve("splits"));
        vms = new VmRegistry(directory.resolve("vms"), TestVms.config(), directory.path(), definitions);
        vms.recover(vm -> {}, vm -> {});
        MemoryServer memoryServer = new MemoryServer(
                directory.resolve("stores"), config.lendLimitBytes(), facts::availableBytes, Lender.NO_NEIGHBOUR);
        memoryServer.recover();
        Operations operations = new Operations(directory.resolve("operations"), FaultPoints.NONE);
        MigrationService migrations = new MigrationService(
                vms,
                peers,
                new MigrationConfig(4, 0, 3, 100, 4096, 8),
                new PeerHosts.Peer(name, "127.0.0.1", 7780),
                new PendingReleases(directory.resolve("releases.json"), peers),
                operations);
        ExpectedSplits expected = new ExpectedSplits(
                new ExpectationFile(directory.resolve("expected.json")), definitions, 600_000, vms, migrations);
        SplitStarts starts =
                new SplitStarts(vms, definitions, expected, migrations, new GuestRoom(vms, () -> guestLimit));
        Lending lending =
                new Lending(name, config.lendLimitBytes(), directory.resolve("lending.json"), peers, memoryServer);
        drainer = new Drainer(lending, peers, new HostThreads("main-hosts"), operations);
        server = new ControlServer(config, KEY, vms, migrations, drainer, peers, facts, expected, starts, idleMs);
        server.setTroubles(() -> troubles);
        server.start();
    }

    DaemonConfig config() {
        return config;
    }

    /** Asks main hosts about what is to leave. */
    Drainer drainer() {
        return drainer;
    }

    VmRegistry vms() {
        return vms;
    }

    /** Both ways in: the Unix socket, and the TCP port. */
    List<SocketAddress> addresses() {
        return List.of(
                UnixDomainSocketAddress.of(config.controlSocket()),
                new InetSocketAddress(InetAddress.getLoopbackAddress(), config.controlPort()));
    }

    /** Over TCP, with the key. */
    HttpResponse<String> ask(String method, String path, String body) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + config.controlPort() + path))
                .method(method, HttpRequest.BodyPublishers.ofString(body))
                .header("Authorization", "Bearer " + KEY)
                .build();
        return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    }

    /** The head of a request that may be asked for on either. */
    static String head(String method, String path, int length) {
        return method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + KEY
                + "\r\nContent-Length: " + length + "\r\n\r\n";
    }

    /** Sends these bytes. @return everything that came back until the other side hung up */
    static String send(SocketAddress to, byte[] bytes, boolean thenClose) throws IOException {
        try (SocketChannel channel = SocketChannel.open(to)) {
            ByteBuffer all = ByteBuffer.wrap(bytes);
            while (all.hasRemaining()) {
                channel.write(all);
            }
            if (thenClose) {
                channel.shutdownOutput();
            }
            ByteArrayOutputStream answer = new ByteArrayOutputStream();
            Channels.newInputStream(channel).transferTo(answer);
            return answer.toString(StandardCharsets.UTF_8);
        }
    }

    static String send(SocketAddress to, String text, boolean thenClose) throws IOException {
        return send(to, text.getBytes(StandardCharsets.US_ASCII), thenClose);
    }

    @Override
    public void close() throws IOException {
        server.close();
        vms.stop();
    }
}
