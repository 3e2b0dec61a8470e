package org.splitmem.memory.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.testing.SeededTest;

class StreamSocketTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private SocketPair pair;

    @BeforeEach
    void connect() throws IOException {
        pair = SocketPair.open();
    }

    @AfterEach
    void close() {
        pair.close();
    }

    private static NativeBlock random(int size, long seed) {
        NativeBlock block = new NativeBlock(size);
        byte[] bytes = new byte[size];
        new Random(seed).nextBytes(bytes);
        block.buffer().duplicate().put(bytes);
        return block;
    }

    @Test
    void aReceiveGathersHoweverTheBytesCome() throws Exception {
        NativeBlock sent = random(100_000, 1);
        CompletableFuture<Void> sender = CompletableFuture.runAsync(() -> {
            try {
                for (int at = 0; at < sent.size(); at += 777) {
                    pair.near().send(sent.address() + at, Math.min(777, sent.size() - at), false);
                }
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
        NativeBlock received = new NativeBlock(sent.size());

        pair.far().receive(received.address(), received.size());

        sender.join();
        assertThat(received.buffer()).isEqualTo(sent.buffer());
    }

    @Test
    void aCloseIsAnEndBeforeTheFirstByteAndAnErrorAfterIt() throws Exception {
        NativeBlock block = new NativeBlock(100);
        pair.near().send(block.address(), 40, false);
        pair.near().close();

        assertThatThrownBy(() -> pair.far().receiveOrEnd(block.address(), 100))
                .isInstanceOf(EOFException.class)
                .hasMessageContaining("after 40 of 100 B");
        assertThat(pair.far().receiveOrEnd(block.address(), 100)).isFalse();
        assertThatThrownBy(() -> pair.far().receive(block.address(), 1)).isInstanceOf(EOFException.class);
    }

    @Test
    void aPeerThatSendsNothingEndsTheReceiveInTime() throws Exception {
        pair.far().setTimeouts(30, 30);

        assertThatThrownBy(() -> pair.far().receive(new NativeBlock(8).address(), 8))
                .isInstanceOf(SocketTimeoutException.class)
                .hasMessageContaining("made no progress");
    }

    @Test
    void aPeerThatTakesNothingEndsTheSendInTime() throws Exception {
        pair.near().setTimeouts(30, 30);
        pair.near().setBuffers(65_536);
        NativeBlock block = new NativeBlock(32 << 20);

        assertThatThrownBy(() -> pair.near().send(block.address(), block.size(), false))
                .isInstanceOf(SocketTimeoutException.class);
    }

    @Test
    void aShutdownFromAnotherThreadEndsAReceive() throws Exception {
        pair.far().setTimeouts(0, 0);
        CompletableFuture<Boolean> receiver = CompletableFuture.supplyAsync(() -> {
            try {
                return pair.far().receiveOrEnd(new NativeBlock(8).address(), 8);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });

        pair.far().shutdown();

        assertThat(receiver.join()).isFalse();
    }

    @Test
    void nobodyListeningIsSaidAsSuch() {
        assertThatThrownBy(() -> StreamSocket.connect(Ports.free(), 1_000))
                .isInstanceOf(LinuxException.class)
                .hasMessageContaining("connect(")
                .hasMessageContaining("Connection refused (ECONNREFUSED 111)");
    }

    @SeededTest(runs = 10)
    void aGatherListArrivesInAScatterListWithOtherBorders(long seed) throws Exception {
        Random random = new Random(seed);
        NativeBlock sent = random(3 << 20, seed);
        NativeBlock received = new NativeBlock(sent.size());
        pair.near().setBuffers(20_000 + random.nextInt(100_000)); // so that the kernel takes it in pieces
        CompletableFuture<Void> sender = CompletableFuture.runAsync(() -> {
            try {
                pair.near().sendAll(pieces(new Random(seed + 1), sent));
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });

        pair.far().receiveAll(pieces(random, received));

        sender.join();
        assertThat(received.buffer()).isEqualTo(sent.buffer());
    }

    private static IoVector pieces(Random random, NativeBlock block) {
        IoVector vector = new IoVector();
        int at = 0;
        while (at < block.size()) {
            boolean last = vector.size() == IoVector.MAX_RANGES - 1;
            int length = last ? block.size() - at : Math.min(block.size() - at, 1 + random.nextInt(10_000));
            vector.add(block.address() + at, length);
            at += length;
        }
        return vector;
    }

    @Test
    void consumingAGatherListKeepsExactlyTheRest() {
        IoVector vector = new IoVector();
        NativeBlock block = new NativeBlock(100);
        vector.add(block.address(), 10);
        vector.add(block.address() + 50, 20);
        vector.add(block.address() + 90, 5);

        vector.consume(10);
        assertThat(vector.size()).isEqualTo(2);
        vector.consume(3);
        assertThat(vector.size()).isEqualTo(2);
        vector.consume(17);
        assertThat(vector.size()).isEqualTo(1);
        vector.consume(5);
        assertThat(vector.isEmpty()).isTrue();
        vector.clear();
        for (int i = 0; i < IoVector.MAX_RANGES; i++) {
            vector.add(block.address(), 1);
        }
        assertThatThrownBy(() -> vector.add(block.address(), 1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    /** Whoever still has it at hand, on another thread, is told so as of any connection that has ended. */
    @Test
    void oneThatWasClosedHereFailsLikeOneThatHasEnded() {
        NativeBlock block = new NativeBlock(1);
        pair.near().close();

        assertThatThrownBy(() -> pair.near().send(block.address(), 1, false))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("was closed here");
        assertThatThrownBy(() -> pair.near().receive(block.address(), 1)).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> pair.near().setTimeouts(1, 1)).isInstanceOf(IOException.class);
        pair.near().shutdown();
    }

    @Test
    void aPeerReadsTheRefusalAlthoughItWasStillSending() throws Exception {
        NativeBlock much = new NativeBlock(8 << 20);
        CompletableFuture<Void> refusing = CompletableFuture.runAsync(() -> {
            try {
                pair.far().send(new NativeBlock(8).putLong(0, 99).address(), 8, false);
                pair.far().drainAfterRefusal();
                pair.far().close();
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });

        pair.near().send(much.address(), much.size(), false);
        NativeBlock refusal = new NativeBlock(8);
        pair.near().receive(refusal.address(), 8);

        assertThat(refusal.getLong(0)).isEqualTo(99);
        pair.near().shutdown();
        refusing.join();
    }

    /** Both ends of a connection, of which the other may lose its power at any moment. */
    @Test
    void aPeerThatVanishesIsNoticedByEitherEnd() throws Exception {
        InetSocketAddress address = Ports.free();
        try (ListeningSocket listener = ListeningSocket.tcp(address);
                StreamSocket near = StreamSocket.connect(address, 5_000);
                StreamSocket far = listener.accept()) {
            for (StreamSocket end : List.of(near, far)) {
                int fd = end.fd().number();
                assertThat(Sockets.getInt(fd, Sockets.IPPROTO_TCP, Sockets.TCP_USER_TIMEOUT))
                        .isEqualTo(10_000);
                assertThat(Sockets.getInt(fd, Sockets.SOL_SOCKET, Sockets.SO_KEEPALIVE))
                        .isEqualTo(1);
                int idle = Sockets.getInt(fd, Sockets.IPPROTO_TCP, Sockets.TCP_KEEPIDLE);
                int every = Sockets.getInt(fd, Sockets.IPPROTO_TCP, Sockets.TCP_KEEPINTVL);
                int probes = Sockets.getInt(fd, Sockets.IPPROTO_TCP, Sockets.TCP_KEEPCNT);
                assertThat(idle + every * probes).isEqualTo(10);
            }
            assertThat(far.peer()).matches("127\\.0\\.0\\.1:\\d+");
        }
    }
}
