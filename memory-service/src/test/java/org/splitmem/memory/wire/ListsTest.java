package org.splitmem.memory.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.testing.SeededTest;

/** RunList and PlacementList: what is sent arrives, and nothing hostile is believed. */
class ListsTest extends FramesTest {
    private static final long VM_PAGES = 536_870_912; // 2 TiB

    @SeededTest(runs = 20)
    void runsArriveAsTheyWereAdded(long seed) throws Exception {
        Random random = new Random(seed);
        RunList sent = new RunList();
        List<Long> pages = new ArrayList<>();
        long page = random.nextInt(1000);
        while (!sent.isFull()) {
            sent.add(page);
            pages.add(page);
            page += random.nextBoolean() ? 1 : random.nextInt(1_000_000) + 1;
        }

        sent.sendAs(FrameType.DROP, sender, 0, 0);

        RunList received = new RunList();
        receiver.receive();
        received.receive(receiver, VM_PAGES, VM_PAGES);
        List<Long> expanded = new ArrayList<>();
        for (int run = 0; run < received.runs(); run++) {
            for (long p = received.first(run); p < received.first(run) + received.count(run); p++) {
                expanded.add(p);
            }
        }
        assertThat(expanded).isEqualTo(pages);
        assertThat(received.pages()).isEqualTo(pages.size());
    }

    @Test
    void neighboursBecomeOneRun() {
        RunList runs = new RunList();

        runs.add(5);
        runs.add(6);
        runs.add(7, 3);
        runs.add(11);

        assertThat(runs.runs()).isEqualTo(2);
        assertThat(runs.count(0)).isEqualTo(5);
        assertThat(runs.pages()).isEqualTo(6);
    }

    @Test
    void aFullListRefusesAnotherRun() {
        RunList runs = new RunList();
        for (int i = 0; i < RunList.MAX_RUNS; i++) {
            runs.add(2L * i);
        }

        assertThatThrownBy(() -> runs.add(5_000)).isInstanceOf(IllegalStateException.class);
        assertThat(runs.runs()).isEqualTo(RunList.MAX_RUNS);
    }

    private PeerException refusedRuns(RawFrame frame, long vmPages, long most) throws IOException {
        frame.send(pair.near());
        receiver.receive();
        RunList runs = new RunList();
        PeerException refusal = catchThrowableOfType(PeerException.class, () -> runs.receive(receiver, vmPages, most));
        assertThat(runs.isEmpty()).isTrue();
        return refusal;
    }

    @Test
    void aRunBeyondTheVmIsRefused() throws Exception {
        PeerException refusal = refusedRuns(RawFrame.of(FrameType.PAGES).runs(new long[] {90, 11}), 100, 512);

        assertThat(refusal.code()).isEqualTo(ErrorCode.BAD_FRAME);
        assertThat(refusal).hasMessageContaining("sent PAGES with a run of 11 pages at 90");
    }

    @Test
    void aRunWhoseEndWouldOverflowIsRefused() throws Exception {
        assertThat(refusedRuns(
                        RawFrame.of(FrameType.DROP).runs(new long[] {0xFFFF_FFFFL, 0xFFFF_FFFFL}), VM_PAGES, VM_PAGES))
                .hasMessageContaining("a run of 4294967295 pages at 4294967295");
    }

    @Test
    void anEmptyRunIsRefused() throws Exception {
        assertThat(refusedRuns(RawFrame.of(FrameType.DROP).runs(new long[] {5, 0}), 100, 100))
                .hasMessageContaining("a run of 0 pages at 5");
    }

    @Test
    void moreRunsThanAListHoldsAreRefused() throws Exception {
        for (int count : new int[] {RunList.MAX_RUNS + 1, Integer.MAX_VALUE, -1}) {
            assertThat(refusedRuns(RawFrame.of(FrameType.DROP).count(count), 100, 100))
                    .hasMessageContaining("a count of " + count);
        }
    }

    @Test
    void aPayloadShorterThanItsRunsIsRefused() throws Exception {
        assertThat(refusedRuns(
                        RawFrame.of(FrameType.DROP).runs(new long[] {5, 1}).length(11), 100, 100))
                .hasMessageContaining("a payload of 11 B");
    }

    /** Any bit: another page would be dropped, or taken for written. */
    @Test
    void runsThatWereDamagedAreRefused() throws Exception {
        for (int bit = 0; bit < 8 * (2 * 8 + 4); bit++) {
            byte[] frame = RawFrame.of(FrameType.DROP)
                    .runs(new long[] {5, 1}, new long[] {9, 3})
                    .bytes();
            frame[32 + bit / 8] ^= (byte) (1 << bit % 8);
            RawFrame.send(pair.near(), frame);
            receiver.receive();
            RunList runs = new RunList();

            assertThat(catchThrowableOfType(PeerException.class, () -> runs.receive(receiver, VM_PAGES, VM_PAGES)))
                    .hasMessageContaining("DROP with a payload that was damaged on its way");
            assertThat(runs.isEmpty()).isTrue();
        }
    }

    @Test
    void placementsThatWereDamagedAreRefused() throws Exception {
        byte[] entry = new byte[12];
        entry[4] = 1; // page 0, ZERO
        for (int bit = 0; bit < 8 * (12 + 4); bit++) {
            byte[] frame = RawFrame.of(FrameType.PLACE).sealed(entry).count(1).bytes();
            frame[32 + bit / 8] ^= (byte) (1 << bit % 8);
            RawFrame.send(pair.near(), frame);
            receiver.receive();
            PlacementList placements = new PlacementList();

            assertThat(catchThrowableOfType(PeerException.class, () -> placements.receive(receiver, 100, 5)))
                    .hasMessageContaining("PLACE with a payload that was damaged on its way");
            assertThat(placements.size()).isZero();
        }
    }

    @Test
    void morePagesThanAllowedAreRefused() throws Exception {
        PeerException refusal = refusedRuns(
                RawFrame.of(FrameType.PAGES).runs(new long[] {0, 500}, new long[] {600, 13}), 1000, RunList.MAX_PAGES);

        assertThat(refusal).hasMessageContaining("513 pages, at most 512");
    }

    @Test
    void placementsArriveAsTheyWereAdded() throws Exception {
        PlacementList sent = new PlacementList();
        sent.add(10, PageState.LOCAL, 0);
        sent.add(11, PageState.LOCAL, 0);
        sent.add(12, PageState.ZERO, 0);
        sent.add(13, PageState.REMOTE, 3);
        sent.add(14, PageState.REMOTE, 4);

        sent.send(sender);

        PlacementList received = new PlacementList();
        receiver.receive();
        received.receive(receiver, 100, 5);
        assertThat(received.size()).isEqualTo(4);
        assertThat(received.first(0)).isEqualTo(10);
        assertThat(received.count(0)).isEqualTo(2);
        assertThat(received.state(1)).isEqualTo(PageState.ZERO);
        assertThat(received.state(3)).isEqualTo(PageState.REMOTE);
        assertThat(received.host(3)).isEqualTo(4);
    }

    @Test
    void anEmptyPlacementListArrives() throws Exception {
        new PlacementList().send(sender);

        PlacementList received = new PlacementList();
        receiver.receive();
        received.receive(receiver, 100, 5);

        assertThat(received.size()).isZero();
    }

    private PeerException refusedPlacement(long first, long count, int state, int host) throws IOException {
        ByteBuffer entry = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
        entry.putInt((int) first).putInt((int) count).put((byte) state).put((byte) host);
        RawFrame.of(FrameType.PLACE).sealed(entry.array()).count(1).send(pair.near());
        receiver.receive();
        PlacementList placements = new PlacementList();
        PeerException refusal = catchThrowableOfType(PeerException.class, () -> placements.receive(receiver, 100, 5));
        assertThat(placements.size()).isZero();
        return refusal;
    }

    @Test
    void aPlacementThatCannotBeIsRefused() throws Exception {
        int remote = PageState.REMOTE.code();

        assertThat(refusedPlacement(100, 1, remote, 0)).hasMessageContaining("pages 100 + 1 of a VM that has 100");
        assertThat(refusedPlacement(0, 101, remote, 0)).hasMessageContaining("pages 0 + 101");
        assertThat(refusedPlacement(0, 0, remote, 0)).hasMessageContaining("pages 0 + 0");
        assertThat(refusedPlacement(0, 1, remote, 5)).hasMessageContaining("state 2 on memory server 5 of 5");
        assertThat(refusedPlacement(0, 1, remote, -1)).hasMessageContaining("memory server -1");
        for (PageState state : PageState.values()) {
            boolean plain = state == PageState.ZERO || state == PageState.LOCAL;
            if (!plain && state != PageState.REMOTE) {
                assertThat(refusedPlacement(0, 1, state.code(), 0)).hasMessageContaining("state " + state.code());
            }
        }
        assertThat(refusedPlacement(0, 1, 8, 0)).hasMessageContaining("state 8");
        assertThat(refusedPlacement(0, 1, -1, 0)).hasMessageContaining("state -1");
    }

    @Test
    void aPlacementOutsideMemoryServersNamesNone() throws Exception {
        assertThat(refusedPlacement(0, 1, PageState.ZERO.code(), 200)).hasMessageContaining("state 0");
        assertThat(refusedPlacement(0, 1, PageState.LOCAL.code(), 1)).hasMessageContaining("state 1");
    }

    @Test
    void aPlacementListOfAWrongLengthIsRefused() throws Exception {
        RawFrame.of(FrameType.PLACE).sealed(new byte[13]).count(1).send(pair.near());
        receiver.receive();

        PeerException refusal =
                catchThrowableOfType(PeerException.class, () -> new PlacementList().receive(receiver, 100, 5));

        assertThat(refusal).hasMessageContaining("a payload of 17 B, allowed are 16 to 16");
    }
}
