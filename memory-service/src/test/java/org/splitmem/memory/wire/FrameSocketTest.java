package org.splitmem.memory.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.testing.SeededTest;

class FrameSocketTest extends FramesTest {
    private PeerException refusal(RawFrame frame) throws IOException {
        frame.send(pair.near());
        return catchThrowableOfType(PeerException.class, () -> receiver.receive());
    }

    @Test
    void everyFieldOfAFrameArrives() throws Exception {
        sender.send(FrameType.PAGE_IN, 0x1_2345_6789L, 1, -7);

        assertThat(receiver.receive()).isTrue();
        assertThat(receiver.type()).isEqualTo(FrameType.PAGE_IN);
        assertThat(receiver.rawPage()).isEqualTo(0x1_2345_6789L);
        assertThat(receiver.checkCount(1, 1)).isEqualTo(1);
        assertThat(receiver.value()).isEqualTo(-7);
        assertThat(receiver.checkLength(0, 0)).isZero();
    }

    @Test
    void aSmallPayloadArrivesWhole() throws Exception {
        byte[] payload = new byte[FrameSocket.MAX_SMALL_PAYLOAD - 4];
        new Random(1).nextBytes(payload);

        sender.sendSmall(FrameType.HELLO, 5, payload);

        assertThat(receiver.receive()).isTrue();
        assertThat(receiver.receiveSmall()).isEqualTo(payload);
    }

    @Test
    void aSmallPayloadThatWasDamagedIsRefused() throws Exception {
        byte[] frame = RawFrame.of(FrameType.HELLO)
                .sealed("{\"epoch\":2}".getBytes(StandardCharsets.UTF_8))
                .bytes();
        frame[32 + 9] ^= 1; // epoch 3
        RawFrame.send(pair.near(), frame);
        receiver.receive();

        assertThat(catchThrowableOfType(PeerException.class, () -> receiver.receiveSmall()))
                .hasMessageContaining("HELLO with a payload that was damaged on its way");
    }

    @Test
    void aSmallPayloadThatIsNothingButAChecksumIsRefused() throws Exception {
        RawFrame.of(FrameType.HELLO).sealed(new byte[0]).send(pair.near());
        receiver.receive();

        assertThat(catchThrowableOfType(PeerException.class, () -> receiver.receiveSmall()))
                .hasMessageContaining("a payload of 4 B, allowed are 5 to 65536");
    }

    @Test
    void aCloseBetweenFramesIsTheEnd() throws Exception {
        pair.near().close();

        assertThat(receiver.receive()).isFalse();
    }

    @Test
    void aCloseWithinAHeaderIsAnError() throws Exception {
        RawFrame.send(
                pair.near(),
                java.util.Arrays.copyOf(RawFrame.of(FrameType.FLUSH).bytes(), 31));
        pair.near().close();

        EOFException failure = catchThrowableOfType(EOFException.class, () -> receiver.receive());

        assertThat(failure).hasMessageContaining("after 31 of 32 B");
    }

    @Test
    void anotherMagicIsRefused() throws Exception {
        PeerException refusal = refusal(RawFrame.of(FrameType.FLUSH).magic(0x20544547));

        assertThat(refusal.code()).isEqualTo(ErrorCode.BAD_FRAME);
        assertThat(refusal).hasMessageContaining("does not speak splitmem's protocol");
    }

    @Test
    void anotherVersionIsRefusedNamingBoth() throws Exception {
        PeerException refusal = refusal(RawFrame.of(FrameType.FLUSH).version(2));

        assertThat(refusal.code()).isEqualTo(ErrorCode.VERSION);
        assertThat(refusal).hasMessageContaining("version 2").hasMessageContaining("this host 1");
    }

    @Test
    void aWrongChecksumIsRefused() throws Exception {
        PeerException refusal = refusal(RawFrame.of(FrameType.FLUSH).wrongChecksum());

        assertThat(refusal.code()).isEqualTo(ErrorCode.BAD_FRAME);
        assertThat(refusal).hasMessageContaining("wrong header checksum");
    }

    @Test
    void anUnknownTypeIsRefusedByItsNumber() throws Exception {
        int next = FrameType.values().length + 1;
        for (int type : new int[] {0, next, 31, 32, 40_000, 65_535}) {
            PeerException refusal = refusal(RawFrame.of(FrameType.FLUSH).type(type));

            assertThat(refusal.code()).isEqualTo(ErrorCode.BAD_FRAME);
            assertThat(refusal).hasMessageContaining("unknown type " + type);
        }
    }

    @Test
    void anErrorFrameIsThrownWithItsCodeAndTheSendersName() throws Exception {
        sender.sendError(ErrorCode.FULL, "no room for 4096 B");

        PeerException refusal = catchThrowableOfType(PeerException.class, () -> receiver.receive());

        assertThat(refusal.code()).isEqualTo(ErrorCode.FULL);
        assertThat(refusal).hasMessage(receiver.peer() + ": no room for 4096 B");
    }

    @Test
    void anErrorWithACodeOfTheFutureIsUnknown() throws Exception {
        PeerException refusal =
                refusal(RawFrame.of(FrameType.ERROR).value(77).sealed("new".getBytes(StandardCharsets.UTF_8)));

        assertThat(refusal.code()).isEqualTo(ErrorCode.UNKNOWN);
    }

    @Test
    void anErrorTextOfAnyLengthIsCut() throws Exception {
        sender.sendError(ErrorCode.INTERNAL, "x".repeat(5_000));

        PeerException refusal = catchThrowableOfType(PeerException.class, () -> receiver.receive());

        assertThat(refusal.getMessage()).hasSizeLessThan(1_100);
    }

    @Test
    void aPayloadThatIsTooLongIsRefusedBeforeItIsRead() throws Exception {
        for (int length : new int[] {FrameSocket.MAX_SMALL_PAYLOAD + 1, Integer.MAX_VALUE, -1, Integer.MIN_VALUE}) {
            RawFrame.of(FrameType.HELLO).length(length).send(pair.near());
            receiver.receive();

            PeerException refusal = catchThrowableOfType(PeerException.class, () -> receiver.receiveSmall());

            assertThat(refusal.code()).isEqualTo(ErrorCode.BAD_FRAME);
            assertThat(refusal)
                    .hasMessageContaining("sent HELLO")
                    .hasMessageContaining("payload of " + length + " B")
                    .hasMessageContaining("0 to 65536");
        }
    }

    @Test
    void aCountOutOfRangeIsRefused() throws Exception {
        for (int count : new int[] {-1, 0, 513, Integer.MAX_VALUE}) {
            RawFrame.of(FrameType.PAGES).count(count).send(pair.near());
            receiver.receive();

            PeerException refusal = catchThrowableOfType(PeerException.class, () -> receiver.checkCount(1, 512));

            assertThat(refusal).hasMessageContaining("sent PAGES with a count of " + count);
        }
    }

    @Test
    void aPageOutOfTheVmIsRefused() throws Exception {
        for (long page : new long[] {-1, 100, Long.MAX_VALUE, Long.MIN_VALUE}) {
            RawFrame.of(FrameType.PAGE_IN).page(page).count(1).send(pair.near());
            receiver.receive();

            PeerException refusal = catchThrowableOfType(PeerException.class, () -> receiver.checkPage(1, 100));

            assertThat(refusal.code()).isEqualTo(ErrorCode.BAD_FRAME);
            assertThat(refusal).hasMessageContaining("pages " + page).hasMessageContaining("that has 100");
        }
        RawFrame.of(FrameType.PAGE_IN).page(99).count(1).send(pair.near());
        receiver.receive();
        assertThat(receiver.checkPage(1, 100)).isEqualTo(99);
    }

    @SeededTest(runs = 50)
    void garbageIsRefusedAndNeverBelieved(long seed) throws Exception {
        Random random = new Random(seed);
        byte[] bytes = new byte[32];
        random.nextBytes(bytes);
        if (random.nextBoolean()) { // a good header but for one bit
            bytes = RawFrame.of(FrameType.PAGES).page(random.nextLong()).bytes();
            int bit = random.nextInt(256);
            bytes[bit / 8] ^= (byte) (1 << bit % 8);
        }
        RawFrame.send(pair.near(), bytes);

        assertThat(catchThrowableOfType(PeerException.class, () -> receiver.receive()))
                .isNotNull();
    }
}
