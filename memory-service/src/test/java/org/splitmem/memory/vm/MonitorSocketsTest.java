package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is left of QEMUs whose VM was freed while they still ran. */
class MonitorSocketsTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");

    @TempDir
    private Path directory;

    @Test
    void theSocketOfAKilledQemuGoesOnceItIsNoStartingOnes() throws IOException {
        Path socket = left(VM + ".sock");

        sweep(false, 10);
        assertThat(socket).exists();
        sweep(false, 60);
        assertThat(socket).doesNotExist();
    }

    @Test
    void thatOfAKnownVmStaysAndSoDoesWhatIsNoVms() throws IOException {
        Path known = left(VM + ".sock");
        Path other = left("other.sock");

        sweep(true, 60);

        assertThat(known).exists();
        assertThat(other).exists();
    }

    @Test
    void oneOnWhichSomebodyListensStays() throws IOException {
        Path socket = directory.resolve(VM + ".sock");
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(socket));

            sweep(false, 60);

            assertThat(socket).exists();
        }
    }

    /** As one that hangs, or means harm: the upkeep of all VMs would wait for it. */
    @Test
    void oneOnWhichAProcessListensThatAcceptsNothingStaysAndIsNotWaitedFor() throws IOException {
        Path socket = directory.resolve(VM + ".sock");
        List<SocketChannel> waiting = new ArrayList<>();
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(socket), 1);
            fillQueue(socket, waiting);

            assertTimeoutPreemptively(Duration.ofSeconds(5), () -> sweep(false, 60));

            assertThat(socket).exists();
        } finally {
            for (SocketChannel channel : waiting) {
                channel.close();
            }
        }
    }

    private static void fillQueue(Path socket, List<SocketChannel> waiting) throws IOException {
        boolean room = true;
        while (room) {
            SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
            waiting.add(channel);
            channel.configureBlocking(false);
            try {
                room = channel.connect(UnixDomainSocketAddress.of(socket));
            } catch (IOException full) {
                room = false;
            }
        }
    }

    private void sweep(boolean isKnown, int secondsLater) {
        new MonitorSockets(directory)
                .removeUnused(uuid -> isKnown && uuid.equals(VM), Instant.now().plusSeconds(secondsLater));
    }

    private Path left(String name) throws IOException {
        Path socket = directory.resolve(name);
        ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(socket))
                .close();
        assertThat(Files.exists(socket)).isTrue();
        return socket;
    }
}
