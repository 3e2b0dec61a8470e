package org.splitmem.memory.drain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.memory.drain.FakeMainHosts.MIB;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.drain.Takers.Taker;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;

/** A VM of h1 with 128 MiB over its budget, of which h3 is to be emptied. */
class TakersTest {
    /** What a share has beyond what is missing: an eighth of the budget. */
    private static final long HEADROOM = 16 * MIB;

    private static final VmInfo VM = with(Map.of("h3", 144 * MIB));

    private static VmInfo with(Map<String, Long> reserved) {
        return FakeMainHosts.split(new UUID(1, 1), "db1", reserved);
    }

    private static Taker taker(String host, long mib) {
        return new Taker(host, mib * MIB, "it could lend " + mib + " MiB");
    }

    private static List<SubHostShare> choose(VmInfo vm, Taker... takers) throws RefusedException {
        return Takers.choose(vm, "h1", "h3", List.of(takers));
    }

    @Test
    void thatWithTheMostRoomTakesAll() throws Exception {
        assertThat(choose(VM, taker("h4", 200), taker("h5", 300)))
                .containsExactly(new SubHostShare("h5", 128 * MIB + HEADROOM));
    }

    @Test
    void whatIsMissingIsEnoughIfThereIsNoMore() throws Exception {
        assertThat(choose(VM, taker("h4", 128 + 16))).containsExactly(new SubHostShare("h4", 128 * MIB));
    }

    @Test
    void severalTakeWhatNoneCouldTakeAlone() throws Exception {
        assertThat(choose(VM, taker("h4", 60), taker("h5", 116)))
                .containsExactly(new SubHostShare("h5", 100 * MIB), new SubHostShare("h4", 44 * MIB));
    }

    @Test
    void theOtherSubHostsTakeWhatTheyHaveReservedRoomFor() throws Exception {
        assertThat(choose(with(Map.of("h3", 144 * MIB, "h5", 144 * MIB)), taker("h4", 999)))
                .isEmpty();
        assertThat(choose(with(Map.of("h3", 144 * MIB, "h5", 80 * MIB)), taker("h4", 999)))
                .containsExactly(new SubHostShare("h4", 64 * MIB + HEADROOM));
    }

    @Test
    void itsMainHostAndItsSubHostsAreNoFurtherSubHosts() {
        assertThatThrownBy(
                        () -> choose(with(Map.of("h3", 144 * MIB, "h5", 80 * MIB)), taker("h1", 999), taker("h5", 999)))
                .hasMessageContaining("have reserved 64.0 MiB, and 64.0 MiB more")
                .hasMessageContaining("is its main host or a sub-host of it already");
    }

    @Test
    void tooLittleRoomNamesWhatEachHas() {
        assertThatThrownBy(() -> choose(VM, taker("h4", 16), taker("h5", 143)))
                .isInstanceOf(RefusedException.class)
                .hasMessage(
                        "no room: without h3 its sub-hosts have reserved 0 B, and 128.0 MiB more of its RAM are over"
                                + " its budget, and 16 MiB for each host that takes a part; h5: it could lend 143 MiB, h4: it"
                                + " could lend 16 MiB; give more hosts with --to");
    }
}
