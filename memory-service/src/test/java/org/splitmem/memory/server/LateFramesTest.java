package org.splitmem.memory.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.Arrays;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.remote.PageOutClient;
import org.splitmem.memory.stream.Flushes;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RawFrame;
import org.splitmem.memory.wire.RunList;
import org.splitmem.memory.wire.SmallJson;

/**
 * An owner that has lost a connection makes another one, and so does its next daemon. What of the first one comes only then, from the network or
 * a thread that was slow, is out of date.
 */
class LateFramesTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long PAGES = 100;
    private static final int SOME = 10;

    private static final Flushes.Damaged NONE = page -> {
        throw new AssertionError("page " + page + " is damaged");
    };

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Lender h3;
    private GuestMemory memory;

    @BeforeEach
    void start() throws Exception {
        h3 = new Lender("h3", directory.resolve("h3")).reserve(VM, PAGES, Pages.toBytes(PAGES));
        memory = TestMemory.of(directory.path(), PAGES);
        GuestContent.write(memory, 0, PAGES, 1);
    }

    @AfterEach
    void end() {
        h3.close();
        memory.close();
    }

    private Endpoint endpoint() {
        return h3.endpoint(VM, 1, PAGES);
    }

    private static RunList pages(long count) {
        RunList runs = new RunList();
        runs.add(0, count);
        return runs;
    }

    private PageOutClient owner() {
        return new PageOutClient(endpoint(), memory);
    }

    private static void assertSuperseded(FrameSocket late) {
        PeerException refusal = catchThrowableOfType(PeerException.class, late::receive);

        assertThat(refusal).as("an answer").isNotNull();
        assertThat(refusal.code()).isEqualTo(ErrorCode.STALE_EPOCH);
        assertThat(refusal).hasMessageContaining("a later connection");
    }

    /** The checksum that comes with a page. */
    private int checksum(long page) throws Exception {
        try (FrameSocket socket = endpoint().connect(Hello.Role.PAGE_IN)) {
            socket.send(FrameType.PAGE_IN, page, 1, 0);
            assertThat(socket.receive()).isTrue();
            assertThat(socket.type()).isEqualTo(FrameType.PAGE_DATA);
            return socket.value();
        }
    }

    @Test
    void aDropTakesNothingAwayThatWasSentSince() throws Exception {
        try (FrameSocket late = endpoint().connect(Hello.Role.PAGE_OUT);
                PageOutClient owner = owner()) {
            late.send(FrameType.FLUSH, 0, 0, 1);
            assertThat(late.receive()).isTrue();
            owner.store(pages(SOME), NONE);

            pages(SOME).sendAs(FrameType.DROP, late, 0, 0);
            late.send(FrameType.FLUSH, 0, 0, 2);

            assertSuperseded(late);
            assertThat(h3.server().heldBytes()).isEqualTo(Pages.toBytes(SOME));
            owner.store(pages(SOME + 1), NONE);
        }
    }

    /** It was made first, which is what counts. */
    @Test
    void aDropThatIsTheFirstOnItsConnectionNeitherDoes() throws Exception {
        try (FrameSocket late = endpoint().connect(Hello.Role.PAGE_OUT);
                PageOutClient owner = owner()) {
            owner.store(pages(SOME), NONE);

            pages(SOME).sendAs(FrameType.DROP, late, 0, 0);
            late.send(FrameType.FLUSH, 0, 0, 1);

            assertSuperseded(late);
            assertThat(h3.server().heldBytes()).isEqualTo(Pages.toBytes(SOME));
        }
    }

    @Test
    void pagesReplaceNoNewerOnes() throws Exception {
        try (PageOutClient before = owner();
                PageOutClient after = owner()) {
            before.store(pages(SOME), NONE);
            GuestContent.write(memory, 0, PAGES, 2);
            after.store(pages(SOME), NONE);
            int newer = checksum(3);
            GuestContent.write(memory, 0, PAGES, 1);

            PeerException refusal = catchThrowableOfType(PeerException.class, () -> before.store(pages(SOME), NONE));

            assertThat(refusal.code()).isEqualTo(ErrorCode.STALE_EPOCH);
            assertThat(checksum(3)).isEqualTo(newer);
            assertThat(h3.server().heldBytes()).isEqualTo(Pages.toBytes(SOME));
        }
    }

    /** The frame had begun to come before the later connection was there. */
    @Test
    void theRestOfAFrameReplacesNoNewerPages() throws Exception {
        byte[] frame =
                RawFrame.of(FrameType.PAGES).zeroPages(new long[] {0, SOME}).bytes();
        int half = frame.length / 2;
        try (StreamSocket late = StreamSocket.connect(h3.address(), 5_000);
                PageOutClient owner = owner()) {
            late.setTimeouts(10_000, 10_000);
            FrameSocket socket = new FrameSocket(late);
            socket.sendSmall(
                    FrameType.HELLO, 0, SmallJson.encode(new Hello(Hello.Role.PAGE_OUT, VM, Lender.TOKEN, 1, PAGES)));
            assertThat(socket.receive()).isTrue();
            RawFrame.send(late, Arrays.copyOf(frame, half));
            owner.store(pages(SOME), NONE);
            int whole = checksum(SOME - 1);

            RawFrame.send(late, Arrays.copyOfRange(frame, half, frame.length));
            socket.send(FrameType.FLUSH, 0, 0, 1);

            assertSuperseded(socket);
            assertThat(checksum(SOME - 1)).isEqualTo(whole);
            assertThat(h3.server().heldBytes()).isEqualTo(Pages.toBytes(SOME));
            owner.store(pages(PAGES), NONE); // the room that the rest was admitted to is free
        }
    }

    /** Of one that asks only whether its reservation is there. */
    @Test
    void aConnectionOnWhichNothingIsSaidDisturbsNobody() throws Exception {
        try (PageOutClient owner = owner()) {
            owner.store(pages(SOME), NONE);
            try (FrameSocket silent = endpoint().connect(Hello.Role.PAGE_OUT)) {
                owner.store(pages(2 * SOME), NONE);
                assertThat(silent.peer()).isNotEmpty();
            }
        }
        assertThat(h3.server().heldBytes()).isEqualTo(Pages.toBytes(2 * SOME));
    }

    @Test
    void aMigrationHasSeveralStreams() throws Exception {
        try (FrameSocket one = endpoint().connect(Hello.Role.STREAM);
                FrameSocket other = endpoint().connect(Hello.Role.STREAM)) {
            for (FrameSocket stream : new FrameSocket[] {one, other, one}) {
                pages(SOME).sendAs(FrameType.DROP, stream, 0, 0);
                stream.send(FrameType.FLUSH, 0, 0, 1);
                assertThat(stream.receive()).isTrue();
                assertThat(stream.type()).isEqualTo(FrameType.FLUSHED);
            }
        }
    }
}
