package org.splitmem.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RecordsTest {
    @Test
    void aPlanNamesEachHostOnce() {
        var h3 = new SubHostShare("h3", null);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MigrationRequest("h2", null, List.of(h3, h3), null, null, null))
                .withMessage("subHosts: h3 is named twice in the plan");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MigrationRequest("h3", null, List.of(h3), null, null, null))
                .withMessage("subHosts: h3 is named twice in the plan");
    }

    @Test
    void anyTextCanBeMadeTheReasonOfAnAbort() {
        assertThat(AbortReason.because(" libvirt:\n\tno  such VM ").text()).isEqualTo("libvirt: no  such VM");
        assertThat(AbortReason.because("a".repeat(500) + "z".repeat(500)).text())
                .isEqualTo("a".repeat(97) + "..." + "z".repeat(200));
    }

    @Test
    void aRequestIsWithinItsRanges() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MigrationRequest(" ", null, List.of(), null, null, null))
                .withMessage("destination is missing");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MigrationRequest("h2", 0L, List.of(), null, null, null))
                .withMessage("budgetBytes must be 1-1125899906842624: 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MigrationRequest("h2", null, List.of(), 65, null, null))
                .withMessage("streams must be 1-64: 65");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MigrationRequest("h2", null, List.of(), null, null, null, null, "7"))
                .withMessage("novaMigrationUuid must be a uuid: 7");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MigrationRequest("h2", null, List.of(), null, 0L, null))
                .withMessage("bandwidthBytesPerSecond must be at least 1: 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SubHostShare("h3", 0L))
                .withMessage("bytes must be 1-1125899906842624: 0");
    }

    @Test
    void aSplitIsWithinItsRangesToo() {
        var h3 = new SubHostShare("h3", null);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SplitRequest(null, null, 1, List.of(h3, h3)))
                .withMessage("subHosts: h3 is named twice in the plan");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SplitRequest(null, null, 0, List.of(h3)))
                .withMessage("budgetBytes must be 1-1125899906842624: 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SplitRequest(null, 0L, 1, List.of(h3)))
                .withMessage("ramBytes must be 1-1125899906842624: 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SplitRequest(" ", null, 1, List.of(h3)))
                .withMessage("name is missing");
    }

    @Test
    void aMoveIsFromOneHostToOthers() {
        var h3 = new SubHostShare("h3", null);
        var h4 = new SubHostShare("h4", 4096L);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MovePagesRequest(" ", List.of(h4), null))
                .withMessage("from is missing");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MovePagesRequest("h3", List.of(h4, h4), null))
                .withMessage("to: h4 is named twice in the plan");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MovePagesRequest("h3", List.of(h4, h3), null))
                .withMessage("to: h3 is the host to be emptied");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MovePagesRequest("h3", List.of(h4), 0L))
                .withMessage("bandwidthBytesPerSecond must be at least 1: 0");
        assertThat(Json.read("{\"from\":\"h3\"}", MovePagesRequest.class))
                .isEqualTo(new MovePagesRequest("h3", List.of(), null));
    }

    @Test
    void aMoveIsNeverNegative() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MoveInfo("", 1, 1, null, null, null))
                .withMessage("from is missing");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MoveInfo("h3", -1, 1, null, null, null))
                .withMessage("bytesRemaining cannot be negative: -1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MoveInfo("h3", 1, -1, null, null, null))
                .withMessage("rateBytesPerSecond cannot be negative: -1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MoveInfo("h3", 1, 1, -1L, null, null))
                .withMessage("etaSeconds cannot be negative: -1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MoveInfo("h3", 1, 1, 1L, -1L, null))
                .withMessage("bandwidthBytesPerSecond cannot be negative: -1");
    }

    /** An earlier splitmemd neither writes nor reads them. */
    @Test
    void aVmWithoutMovesHasNoneInJson() {
        String json = Json.write(Samples.vm()).replaceFirst(",\"moves\":\\[.*\\]", "");

        assertThat(json).doesNotContain("moves");
        VmInfo vm = Json.read(json, VmInfo.class);
        assertThat(vm.moves()).isEmpty();
        assertThat(Json.write(vm)).isEqualTo(json);
    }

    @Test
    void aRequestDoesNotChangeWithItsList() {
        var shares = new ArrayList<>(List.of(new SubHostShare("h3", null)));
        var request = new MigrationRequest("h2", null, shares, null, null, null);

        shares.clear();

        assertThat(request.subHosts()).hasSize(1);
    }

    @Test
    void countsAreNeverNegative() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new PagePlacement(0, Map.of("h3", -1L), 0))
                .withMessage("subHosts.h3 cannot be negative: -1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new FaultCounts(0, 0, 0, -5, 0, 0))
                .withMessage("minor cannot be negative: -5");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LatencyUs(1, Double.NaN, 0, 0, 0))
                .withMessage("p50 cannot be negative: NaN");
    }

    @Test
    void aHistogramCountsUpwards() {
        var fast = new LatencyHistogram.Bucket(10, 3);
        var slow = new LatencyHistogram.Bucket(100, 5);

        var histogram = new LatencyHistogram(6, 1000, List.of(fast, slow));

        assertThat(histogram.longerThan(10)).isEqualTo(3);
        assertThat(histogram.longerThan(100)).isEqualTo(1);
        assertThat(histogram.longerThan(50)).isEqualTo(6);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LatencyHistogram(6, 1000, List.of(slow, fast)))
                .withMessage("buckets do not ascend at 10 us");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LatencyHistogram(4, 1000, List.of(fast, slow)))
                .withMessage("buckets do not ascend at 100 us");
    }

    @Test
    void aReachableHostHasDescribedItself() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new HostStatus("h2", "10.78.0.2:7779", true, null, null))
                .withMessage("info is missing of the reachable host h2");
    }

    @Test
    void onlyBeforeHandoverAMigrationCanBeAborted() {
        assertThat(MigrationPhase.values())
                .filteredOn(MigrationPhase::canAbort)
                .containsExactly(
                        MigrationPhase.PLANNED,
                        MigrationPhase.PRECOPY,
                        MigrationPhase.READY,
                        MigrationPhase.SWITCHOVER);
        assertThat(MigrationPhase.values())
                .filteredOn(MigrationPhase::isOver)
                .containsExactly(MigrationPhase.DONE, MigrationPhase.ABORTED, MigrationPhase.FAILED_AFTER_HANDOVER);
    }
}
