package org.splitmem.memory.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RawFrame;
import org.splitmem.memory.wire.SmallJson;

/** Peers that stop in the middle of their hand-shake on the data port. */
class StalledPeersTest {
    private static final byte[] HELLO = RawFrame.of(FrameType.HELLO)
            .sealed(SmallJson.encode(new Hello(Hello.Role.PAGE_IN, UUID.randomUUID(), "token", 1, 1)))
            .bytes();

    private final InetSocketAddress address = Ports.free();
    private final List<FrameSocket> peers = new ArrayList<>();
    private final AtomicInteger served = new AtomicInteger();
    private DataServer server;

    @AfterEach
    void end() {
        peers.forEach(FrameSocket::close);
        server.close();
    }

    private void serve(long handshakeMs) throws IOException {
        server = new DataServer(address, List.of(), handshakeMs);
        server.start();
    }

    private FrameSocket sayPartOfHello(int bytes) throws IOException {
        FrameSocket peer = new FrameSocket(StreamSocket.connect(address, 5_000));
        peers.add(peer);
        peer.socket().setTimeouts(10_000, 10_000);
        if (bytes > 0) {
            RawFrame.send(peer.socket(), Arrays.copyOf(HELLO, bytes));
        }
        return peer;
    }

    @Test
    void theyAreTold() throws Exception {
        serve(200);
        for (int bytes : new int[] {0, 1, 31, 32, 40, HELLO.length - 1}) {
            FrameSocket peer = sayPartOfHello(bytes);

            PeerException refusal = catchThrowableOfType(PeerException.class, peer::receive);

            assertThat(refusal).as("after " + bytes + " B").isNotNull();
            assertThat(refusal).hasMessageContaining("no whole HELLO came within 200 ms");
        }
    }

    @Test
    void theyKeepNobodyWaiting() throws Exception {
        serve(60_000);
        for (int i = 0; i < 30; i++) {
            sayPartOfHello(i);
        }
        Endpoint other = new Endpoint("h2", address, UUID.randomUUID(), "token", 1, 1);

        PeerException refusal = catchThrowableOfType(PeerException.class, () -> other.connect(Hello.Role.PAGE_IN));

        assertThat(refusal.code()).isEqualTo(ErrorCode.UNKNOWN_VM);
    }

    /** A byte at a time of a HELLO that would take a minute like that: each byte comes in time. */
    @Test
    void oneThatIsSlowForEverIsDropped() throws Exception {
        serve(300);
        FrameSocket peer = sayPartOfHello(0);
        RawFrame.of(FrameType.HELLO).length(FrameSocket.MAX_SMALL_PAYLOAD).send(peer.socket());

        Await.until("it is dropped", () -> {
            try {
                RawFrame.send(peer.socket(), new byte[1]);
                return false;
            } catch (IOException dropped) {
                return true;
            }
        });
    }

    /** From another address, as all other hosts are. */
    @Test
    void anAddressWithManyThatAreSilentKeepsNobodyElseOut() throws Exception {
        serve(60_000);
        for (int i = 0; i < DataServer.MOST_SHAKING_OF_ADDRESS; i++) {
            sayPartOfHello(8);
        }

        FrameSocket oneMore = sayPartOfHello(0);
        assertThat(oneMore.receive()).as("it is dropped at once").isFalse();

        peers.remove(0).close();
        Await.until("there is room for another", () -> {
            FrameSocket other = sayPartOfHello(HELLO.length);
            try {
                return other.receive();
            } catch (PeerException welcome) {
                return welcome.code() == ErrorCode.UNKNOWN_VM;
            } catch (IOException reset) {
                return false;
            }
        });
    }

    /** One that has just been accepted is not left to an old server, where a new one is about to begin. */
    @Test
    void aPortThatIsClosedServesNobodyAnyMore() throws Exception {
        for (int round = 0; round < 200; round++) {
            serve(60_000);
            List<FrameSocket> connected = new ArrayList<>();
            CompletableFuture<Void> connecting = CompletableFuture.runAsync(() -> connectUntilRefused(connected));
            Await.until("some are connected", () -> served.get() > 2);
            server.close();
            connecting.get(10, TimeUnit.SECONDS);
            served.set(0);

            for (FrameSocket peer : connected) {
                assertThat(ends(peer)).as("round " + round).isTrue();
                peer.close();
            }
        }
    }

    private void connectUntilRefused(List<FrameSocket> connected) {
        try {
            while (true) {
                connected.add(new FrameSocket(StreamSocket.connect(address, 5_000)));
                served.incrementAndGet();
            }
        } catch (IOException e) {
            // It is closed.
        }
    }

    private static boolean ends(FrameSocket peer) {
        try {
            peer.socket().setTimeouts(2_000, 2_000);
            return !peer.receive();
        } catch (SocketTimeoutException e) {
            return false;
        } catch (IOException e) {
            return true;
        }
    }
}
