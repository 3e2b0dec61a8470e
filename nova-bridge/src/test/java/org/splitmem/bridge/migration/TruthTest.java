package org.splitmem.bridge.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.bridge.migration.Cloud.VM;
import static org.splitmem.bridge.migration.Cloud.onHost;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyUs;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** What is to be booked for a VM on h2, which was one of its sub-hosts before it ran there: 512 MB, 256 of them claimed by Nova. */
class TruthTest {
    private static final Map<String, Long> NOTHING = Map.of();

    /** Shares are reserved with a slack of 16 MB. */
    private static Sightings.Running onH2(long budgetMb, Map<String, Long> shares, String... leaving) {
        Map<String, Long> reserved = new TreeMap<>();
        shares.forEach((host, mb) -> reserved.put(host, (mb + 16) << 20));
        List<MoveInfo> moves = List.of(leaving).stream()
                .map(host -> new MoveInfo(host, 1 << 20, 0, null, null, null))
                .toList();
        VmInfo vm = new VmInfo(
                VM.toString(),
                "db1",
                VmState.SPLIT,
                512L << 20,
                budgetMb << 20,
                0,
                0,
                null,
                reserved,
                reserved,
                FaultCounts.NONE,
                LatencyUs.NONE,
                LatencyHistogram.NONE,
                1,
                null,
                null,
                moves);
        return new Sightings.Running("h2", vm);
    }

    private static PlacedVm placed(Map<String, Long> booking) {
        return PlacedVm.running(onHost("h2").vm(), booking, 0);
    }

    private static void assertBooked(
            Sightings.Running running, @Nullable PlacedVm placed, Map<String, Long> now, Map<String, Long> wanted) {
        assertThat(Truth.booking(running, placed, now, false)).isEqualTo(wanted);
        assertThat(Truth.booking(running, placed, wanted, false))
                .as("once it is booked")
                .isEqualTo(wanted);
    }

    /** Whether its splitmemd has begun with that or not. */
    @Test
    void whatItKeepsStaysBookedUntilItHasLeft() {
        Map<String, Long> all = Map.of("h2", 100L, "h3", 156L, "h4", 100L);
        PlacedVm placed = placed(Map.of("h3", 156L, "h4", 100L));
        for (Sightings.Running running : List.of(onH2(256, all), onH2(256, all, "h2"))) {
            assertThat(Truth.isInMotion(running)).isTrue();
            assertBooked(running, placed, all, all);
            assertBooked(running, placed, NOTHING, all);
            assertBooked(running, placed, Map.of("h2", 100L, "h3", 156L), all);
            assertBooked(running, null, all, all);
        }
        Sightings.Running empty = onH2(256, placed.booking());
        assertThat(Truth.isInMotion(empty)).isFalse();
        assertBooked(empty, placed, all, placed.booking());
    }

    @Test
    void whatIsGatheredIsBookedBesideWhatItKeeps() {
        Map<String, Long> shares = Map.of("h2", 100L, "h3", 156L);
        Map<String, Long> both = Map.of("h2", 100L + 256, "h3", 156L);
        PlacedVm placed = placed(Map.of("h2", 256L));
        for (Sightings.Running running : List.of(onH2(512, shares), onH2(512, shares, "h2"))) {
            assertThat(Truth.isInMotion(running)).isTrue();
            assertBooked(running, placed, both, both);
            assertBooked(running, placed, NOTHING, both);
            assertBooked(running, placed, shares, both);
            assertBooked(running, placed, placed.booking(), both);
            assertBooked(running, null, both, both);
        }
    }

    @Test
    void ofOneThatIsGatheredTheSubHostsBecomeFewer() {
        Map<String, Long> both = Map.of("h2", 100L + 256, "h3", 156L);
        PlacedVm placed = placed(Map.of("h2", 256L));

        assertBooked(onH2(512, Map.of("h2", 100L)), placed, both, Map.of("h2", 100L + 256));
        assertBooked(onH2(512, Map.of("h3", 156L)), placed, both, Map.of("h2", 256L, "h3", 156L));
        assertBooked(
                onH2(512, Map.of("h3", 156L)), null, Map.of("h2", 256L, "h3", 156L), Map.of("h2", 256L, "h3", 156L));
    }

    @Test
    void allOfItMayHaveBeenThere() {
        PlacedVm placed = placed(Map.of("h2", 256L));
        Sightings.Running running = onH2(512, Map.of("h2", 256L));

        for (Map<String, Long> now : List.of(NOTHING, Map.of("h2", 256L), Map.of("h2", 512L))) {
            assertBooked(running, placed, now, Map.of("h2", 512L));
        }
        assertBooked(running, null, Map.of("h2", 512L), Map.of("h2", 512L));
    }

    /** On its way from its former store to others all of it was wanted on its main host. */
    @Test
    void oneWhoseStoreIsBeingEmptiedMayBeGathered() {
        Map<String, Long> shares = Map.of("h2", 100L, "h3", 156L, "h4", 100L);

        assertBooked(
                onH2(512, shares, "h2"),
                placed(Map.of("h3", 156L, "h4", 100L)),
                shares,
                Map.of("h2", 100L + 256, "h3", 156L, "h4", 100L));
    }
}
