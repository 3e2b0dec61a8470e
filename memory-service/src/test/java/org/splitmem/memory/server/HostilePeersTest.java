package org.splitmem.memory.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.PageOutClient;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.SeededTest;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RawFrame;
import org.splitmem.memory.wire.RunList;
import org.splitmem.memory.wire.SmallJson;

/** Whatever comes to the data port, the server refuses it, goes on, and its reservation stays whole. */
class HostilePeersTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long PAGES = 512;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Lender h2;
    private GuestMemory memory;

    @BeforeEach
    void start() throws Exception {
        h2 = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, Pages.toBytes(PAGES));
        memory = TestMemory.of(directory.path(), PAGES);
        GuestContent.write(memory, 0, PAGES, 1);
    }

    /** The whole reservation can still be used: nothing of it was lost to a hostile peer. */
    @AfterEach
    void aWellBehavedPeerIsServed() throws Exception {
        RunList all = new RunList();
        all.add(0, PAGES);
        try (PageOutClient good = new PageOutClient(h2.endpoint(VM, 1, PAGES), memory)) {
            Await.until("the whole reservation can be used", () -> {
                try {
                    good.store(all, page -> {
                        throw new AssertionError("page " + page + " is damaged");
                    });
                    return true;
                } catch (PeerException e) { // until the broken connection's end is noticed
                    return false;
                }
            });
        }
        assertThat(h2.server().heldBytes()).isEqualTo(Pages.toBytes(PAGES));
        h2.close();
        memory.close();
    }

    private StreamSocket connect() throws IOException {
        StreamSocket socket = StreamSocket.connect(h2.address(), 5_000);
        socket.setTimeouts(10_000, 10_000);
        return socket;
    }

    private FrameSocket welcome(Hello.Role role) throws IOException {
        FrameSocket socket = h2.endpoint(VM, 1, PAGES).connect(role);
        socket.socket().setTimeouts(10_000, 10_000);
        return socket;
    }

    private static PeerException refusal(FrameSocket socket) {
        return catchThrowableOfType(PeerException.class, () -> {
            if (!socket.receive()) {
                throw new IOException("closed without a word");
            }
        });
    }

    private PeerException refused(Hello.Role role, RawFrame frame) throws IOException {
        try (FrameSocket socket = welcome(role)) {
            frame.send(socket.socket());
            PeerException refusal = refusal(socket);
            assertThat(refusal).isNotNull();
            return refusal;
        }
    }

    @Test
    void aPeerOfAnotherProtocolIsTold() throws Exception {
        try (FrameSocket socket = new FrameSocket(connect())) {
            RawFrame.send(
                    socket.socket(), "GET /metrics HTTP/1.1\r\nHost: h2\r\n\r\n".getBytes(StandardCharsets.UTF_8));

            assertThat(refusal(socket).code()).isEqualTo(ErrorCode.BAD_FRAME);
        }
    }

    @Test
    void aPeerOfAnotherVersionIsToldWhichThisHostSpeaks() throws Exception {
        try (FrameSocket socket = new FrameSocket(connect())) {
            RawFrame.of(FrameType.HELLO).version(7).send(socket.socket());

            PeerException refusal = refusal(socket);

            assertThat(refusal.code()).isEqualTo(ErrorCode.VERSION);
            assertThat(refusal).hasMessageContaining("version 7").hasMessageContaining("this host 1");
        }
    }

    @Test
    void aPeerThatDoesNotBeginWithHelloIsRefused() throws Exception {
        try (FrameSocket socket = new FrameSocket(connect())) {
            RawFrame.of(FrameType.FLUSH).send(socket.socket());

            assertThat(refusal(socket)).hasMessageContaining("no HELLO before it");
        }
    }

    @Test
    void aHelloThatMakesNoSenseIsRefused() throws Exception {
        byte[] good = SmallJson.encode(new Hello(Hello.Role.PAGE_IN, VM, Lender.TOKEN, 1, PAGES));
        for (byte[] payload : new byte[][] {{0}, "null".getBytes(StandardCharsets.UTF_8), Arrays.copyOf(good, 20)}) {
            try (FrameSocket socket = new FrameSocket(connect())) {
                RawFrame.of(FrameType.HELLO).sealed(payload).send(socket.socket());

                assertThat(refusal(socket).code()).isEqualTo(ErrorCode.BAD_FRAME);
            }
        }
    }

    @Test
    void aPageInBeyondTheVmIsRefused() throws Exception {
        for (long page : new long[] {PAGES, -1, Long.MAX_VALUE}) {
            assertThat(refused(
                                    Hello.Role.PAGE_IN,
                                    RawFrame.of(FrameType.PAGE_IN).page(page).count(1))
                            .code())
                    .isEqualTo(ErrorCode.BAD_FRAME);
        }
    }

    @Test
    void bulkFramesHaveNoBusinessOnAPageInConnection() throws Exception {
        assertThat(refused(Hello.Role.PAGE_IN, RawFrame.of(FrameType.PAGES).runs(new long[] {0, 1})))
                .hasMessageContaining("PAGES with no business on a page-in connection");
        assertThat(refused(Hello.Role.PAGE_OUT, RawFrame.of(FrameType.RESUMED)))
                .hasMessageContaining("RESUMED with no business");
    }

    @Test
    void pagesBeyondTheVmAreRefusedBeforeAByteIsStored() throws Exception {
        assertThat(refused(Hello.Role.PAGE_OUT, RawFrame.of(FrameType.PAGES).runs(new long[] {PAGES - 1, 2})))
                .hasMessageContaining("a run of 2 pages at 511");
        assertThat(refused(Hello.Role.STREAM, RawFrame.of(FrameType.DROP).runs(new long[] {PAGES, 1})))
                .hasMessageContaining("a run of 1 pages at 512");
        assertThat(h2.server().heldBytes()).isZero();
    }

    @Test
    void aLengthThatDoesNotFitTheRunsIsRefused() throws Exception {
        assertThat(refused(
                        Hello.Role.PAGE_OUT,
                        RawFrame.of(FrameType.PAGES)
                                .zeroPages(new long[] {0, 1})
                                .length(16 + 4095)))
                .hasMessageContaining("a payload of 4111 B, allowed are 4112 to 4112");
        assertThat(refused(
                        Hello.Role.PAGE_OUT,
                        RawFrame.of(FrameType.DROP).runs(new long[] {0, 1}).length(13)))
                .hasMessageContaining("a payload of 13 B");
    }

    @Test
    void anOversizedFrameIsRefused() throws Exception {
        assertThat(refused(
                        Hello.Role.PAGE_OUT,
                        RawFrame.of(FrameType.PAGES).count(513).length(Integer.MAX_VALUE)))
                .hasMessageContaining("a count of 513");
    }

    /** What has come is held, like any page that is not acknowledged yet; the rest takes no room. */
    @Test
    void aPeerThatDiesInTheMiddleOfPagesGivesItsClaimBack() throws Exception {
        try (FrameSocket socket = welcome(Hello.Role.PAGE_OUT)) {
            byte[] whole = RawFrame.of(FrameType.PAGES)
                    .zeroPages(new long[] {0, PAGES})
                    .bytes();
            RawFrame.send(socket.socket(), Arrays.copyOf(whole, 100_000));
        }

        Await.until("what came in whole pieces is held", () -> h2.server().heldBytes() == Pages.toBytes(16));
        assertThat(MemoryDirectory.allocatedBytes(
                        directory.resolve("h2").resolve(VM.toString()).resolve("pages")))
                .isEqualTo(Pages.toBytes(16));
    }

    @Test
    void nobodyAdoptsForAnotherEpochThanItsOwn() throws Exception {
        assertThat(refused(Hello.Role.PAGE_OUT, RawFrame.of(FrameType.ADOPT).page(2)))
                .hasMessageContaining("epoch 2 from an owner of epoch 1");
    }

    @Test
    void aPageThatIsNamedTwiceTakesRoomOnce() throws Exception {
        try (FrameSocket socket = welcome(Hello.Role.PAGE_OUT)) {
            RawFrame.of(FrameType.PAGES)
                    .zeroPages(new long[] {5, 1}, new long[] {5, 1})
                    .send(socket.socket());
            socket.send(FrameType.FLUSH, 0, 0, 1);
            assertThat(socket.receive()).isTrue();
        }

        assertThat(h2.server().heldBytes()).isEqualTo(4096);
    }

    @SeededTest(runs = 40)
    void garbageNeverEndsTheServer(long seed) throws Exception {
        Random random = new Random(seed);
        Hello.Role role = random.nextBoolean() ? Hello.Role.PAGE_OUT : Hello.Role.PAGE_IN;
        try (FrameSocket socket = welcome(role)) {
            for (int i = 0; i < 5; i++) {
                RawFrame frame = RawFrame.of(FrameType.PAGES)
                        .type(1 + random.nextInt(20))
                        .page(random.nextBoolean() ? random.nextLong() : random.nextInt(1000))
                        .value(random.nextInt());
                if (random.nextBoolean()) {
                    frame.runs(new long[] {random.nextInt(600), random.nextInt(600)});
                } else {
                    frame.count(random.nextInt()).length(random.nextInt());
                }
                frame.send(socket.socket());
            }
            byte[] noise = new byte[random.nextInt(100_000)];
            random.nextBytes(noise);
            RawFrame.send(socket.socket(), noise);
        } catch (IOException expected) { // refused, in the middle of what we say
            assertThat(expected).isNotNull();
        }
    }
}
