package org.splitmem.memory.remote;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.memory.linux.ListeningSocket;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.Ports;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;

class PageInClientTest {
    private static final long PAGES = 10_000;

    private final CollectingSink sink = new CollectingSink();
    private ScriptedServer server;
    private PageInClient client;

    @AfterEach
    void end() {
        client.close();
        server.close();
    }

    private void start(ScriptedServer.Script script) throws IOException {
        server = new ScriptedServer(script);
        client = new PageInClient(server.endpoint(PAGES), sink);
        client.start();
    }

    /** An honest answer: the page's first word is its number. */
    private static void answer(FrameSocket socket, long page) throws IOException {
        answer(socket, page, 0);
    }

    private static void answer(FrameSocket socket, long page, int checksum) throws IOException {
        NativeBlock content = new NativeBlock(Pages.SIZE).putLong(0, page);
        socket.sendHeader(FrameType.PAGE_DATA, page, 1, Pages.SIZE, checksum, true);
        socket.socket().send(content.address(), Pages.SIZE, false);
    }

    private static void honestly(FrameSocket socket) throws IOException {
        while (socket.receive()) {
            answer(socket, socket.rawPage());
        }
    }

    private void request(long from, long count) {
        LongStream.range(from, from + count).forEach(page -> client.request(page, 0));
    }

    private static List<Long> pages(long from, long count) {
        return LongStream.range(from, from + count).boxed().toList();
    }

    /** As many vCPUs with KVM's asynchronous page faults ask: the pager, which has other faults to answer, is not held up. */
    @Test
    @Timeout(20)
    void aPeerThatReadsNothingMakesNobodyWait() throws Exception {
        CountDownLatch over = new CountDownLatch(1);
        start((socket, connection) -> {
            awaitQuietly(over);
            honestly(socket);
        });
        Await.until("it is connected", client::isConnected);

        request(0, 5 * PageInClient.WINDOW);

        assertThat(client.unanswered()).isEqualTo(5 * PageInClient.WINDOW);
        over.countDown();
        Await.until("all have arrived", () -> client.unanswered() == 0);
        assertThat(sink.arrived()).isEqualTo(pages(0, 5 * PageInClient.WINDOW));
        assertThat(server.connections()).isEqualTo(1);
    }

    @Test
    void aPeerThatAnswersNothingIsConnectedToAnew() throws Exception {
        server = new ScriptedServer((socket, connection) -> {
            for (int i = 0; connection > 1 || i < 10; i++) {
                socket.receive();
                answer(socket, socket.rawPage());
            }
            neverAnswer(socket);
        });
        client = new PageInClient(server.endpoint(PAGES), sink, 100);
        client.start();

        request(0, 50);

        Await.until("all have arrived", () -> sink.arrived().size() == 50);
        assertThat(sink.arrived()).isEqualTo(pages(0, 50));
        assertThat(server.connections()).isEqualTo(2);
    }

    private static void neverAnswer(FrameSocket socket) throws IOException {
        while (socket.receive()) {
            assertThat(socket.type()).isEqualTo(FrameType.PAGE_IN);
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void manyRequestsAreInFlightAndArriveInOrder() throws Exception {
        CountDownLatch asked = new CountDownLatch(500);
        start((socket, connection) -> {
            long[] wanted = new long[500];
            for (int i = 0; i < 500; i++) {
                socket.receive();
                wanted[i] = socket.rawPage();
                asked.countDown();
            }
            for (long page : wanted) {
                answer(socket, page);
            }
            honestly(socket);
        });

        request(0, 500);

        assertThat(asked.await(10, TimeUnit.SECONDS))
                .as("500 requests without an answer")
                .isTrue();
        Await.until("all have arrived", () -> sink.arrived().size() == 500);
        assertThat(sink.arrived()).isEqualTo(pages(0, 500));
        assertThat(client.unanswered()).isZero();
    }

    @Test
    void aConnectionThatBreaksIsMadeAgainAndTheUnansweredIsRepeated() throws Exception {
        start((socket, connection) -> {
            for (int i = 0; i < connection * 3; i++) { // a little further each time
                socket.receive();
                answer(socket, socket.rawPage());
            }
            socket.receive();
            NativeBlock half = new NativeBlock(Pages.SIZE / 2).putLong(0, -1);
            socket.sendHeader(FrameType.PAGE_DATA, socket.rawPage(), 1, Pages.SIZE, 0, true);
            socket.socket().send(half.address(), half.size(), false);
        });

        request(100, 40);

        Await.until("all have arrived", () -> sink.arrived().size() == 40);
        assertThat(sink.arrived()).isEqualTo(pages(100, 40));
        assertThat(sink.failures()).isEmpty();
        assertThat(server.connections()).isGreaterThan(3);
    }

    @Test
    void requestsMadeWhileConnectionsComeAndGoAllArrive() throws Exception {
        start((socket, connection) -> {
            for (int i = 0; i < 600; i++) {
                if (!socket.receive()) {
                    return;
                }
                answer(socket, socket.rawPage());
            }
        });

        request(0, 3_000); // more than may be on their way

        Await.until("all have arrived", () -> sink.arrived().size() == 3_000);
        assertThat(sink.arrived()).isEqualTo(pages(0, 3_000));
    }

    @Test
    void aPageThatThePeerDoesNotHaveFails() throws Exception {
        start((socket, connection) -> {
            while (socket.receive()) {
                socket.send(FrameType.PAGE_ABSENT, socket.rawPage(), 1, 0);
            }
        });

        client.request(5, 0);

        Await.until("it fails", () -> !sink.failures().isEmpty());
        assertThat(sink.failures()).containsExactly("page 5: h2 does not hold it");
        assertThat(client.unanswered()).isZero();
    }

    @Test
    void aPageThatWasDamagedOnItsWayIsAskedForAgain() throws Exception {
        AtomicInteger answers = new AtomicInteger();
        start((socket, connection) -> {
            while (socket.receive()) {
                boolean damaged = answers.getAndIncrement() % 3 == 0;
                answer(socket, socket.rawPage(), damaged ? CollectingSink.DAMAGED : 0);
            }
        });

        request(0, PageInClient.WINDOW + 500); // more than may be on their way

        Await.until("all have arrived", () -> sink.arrived().size() == PageInClient.WINDOW + 500);
        assertThat(sink.arrived()).containsExactlyInAnyOrderElementsOf(pages(0, PageInClient.WINDOW + 500));
        assertThat(sink.failures()).isEmpty();
        assertThat(client.unanswered()).isZero();
        assertThat(server.connections()).isEqualTo(1);
    }

    @Test
    void aPageThatIsDamagedEachTimeFailsAndOthersGoOn() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        start((socket, connection) -> {
            while (socket.receive()) {
                boolean damaged = socket.rawPage() == 7;
                asked.addAndGet(damaged ? 1 : 0);
                answer(socket, socket.rawPage(), damaged ? CollectingSink.DAMAGED : 0);
            }
        });

        request(6, 3);

        Await.until("it fails", () -> !sink.failures().isEmpty());
        assertThat(sink.failures()).containsExactly("page 7: h2 has sent it damaged 8 times: its checksum is wrong");
        assertThat(sink.arrived()).containsExactly(6L, 8L);
        assertThat(asked).hasValue(PageInClient.TRIES);
        assertThat(client.unanswered()).isZero();
    }

    /** Each lie of a peer ends the connection; on the next one it is honest, and nothing is lost or believed. */
    private void lieOnce(ScriptedServer.Script lie) throws Exception {
        start((socket, connection) -> {
            if (connection == 1) {
                socket.receive();
                lie.serve(socket, connection);
            }
            honestly(socket);
        });

        request(7, 3);

        Await.until("all have arrived", () -> sink.arrived().size() == 3);
        assertThat(sink.arrived()).isEqualTo(pages(7, 3));
        assertThat(sink.failures()).isEmpty();
        assertThat(server.connections()).isEqualTo(2);
    }

    @Test
    void aPeerThatAnswersWithAnotherPageIsNotBelieved() throws Exception {
        lieOnce((socket, connection) -> answer(socket, 8));
    }

    @Test
    void aPeerThatDeniesAnotherPageIsNotBelieved() throws Exception {
        lieOnce((socket, connection) -> socket.send(FrameType.PAGE_ABSENT, 9, 1, 0));
    }

    @Test
    void aPeerThatAnswersWithTooMuchIsNotBelieved() throws Exception {
        lieOnce((socket, connection) -> socket.sendHeader(FrameType.PAGE_DATA, 7, 1, 2 * Pages.SIZE, 0, false));
    }

    @Test
    void aPeerThatSendsAnotherKindOfFrameIsNotBelieved() throws Exception {
        lieOnce((socket, connection) -> socket.send(FrameType.FLUSHED, 7, 1, 0));
    }

    @Test
    void aPageThatNobodyAskedForIsNotTaken() throws Exception {
        start((socket, connection) -> {
            if (connection == 1) {
                answer(socket, 3);
            }
            honestly(socket);
        });
        Await.until("the connection is made again", () -> server.connections() == 2);

        request(1, 1);

        Await.until("it has arrived", () -> sink.arrived().size() == 1);
        assertThat(sink.arrived()).containsExactly(1L);
    }

    @Test
    @Timeout(20)
    void aClientCanBeClosedWhileItsPeerNeverAnswers() throws Exception {
        start((socket, connection) -> neverAnswer(socket));
        request(0, PageInClient.WINDOW + 1);

        client.close();

        assertThat(sink.arrived()).isEmpty();
    }

    /** The host takes the connection, and its daemon hangs: not even its WELCOME comes. */
    @Test
    @Timeout(5)
    void aClientCanBeClosedWhileItsPeerDoesNotShakeHands() throws Exception {
        start((socket, connection) -> honestly(socket));
        InetSocketAddress address = Ports.free();
        ListeningSocket hung = ListeningSocket.tcp(address);
        PageInClient another =
                new PageInClient(new Endpoint("h3", address, ScriptedServer.VM, "token", 1, PAGES), sink);
        another.start();
        FrameSocket hello = new FrameSocket(hung.accept());
        hello.receive();

        another.close();

        hello.close();
        hung.close();
    }

    @Test
    void aClientCanBeClosedAtAnyMomentOfItsConnecting() throws Exception {
        start((socket, connection) -> honestly(socket));
        for (int i = 0; i < 200; i++) {
            PageInClient another = new PageInClient(server.endpoint(PAGES), sink);
            another.start();
            for (int spin = 0; spin < i * 100; spin++) {
                Thread.onSpinWait();
            }
            another.close();
        }
        assertThat(server.connections()).isPositive();
    }
}
