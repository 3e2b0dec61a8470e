package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.model.MigrationPhase;

class ReadyGateTest {
    private static final long AT_ONCE = 1;
    private static final long SECOND_NS = 1_000_000_000L;

    private final Signals signals = new Signals();
    private final Progress progress = new Progress();
    private volatile MigrationPhase phase = MigrationPhase.PRECOPY;
    private final HypervisorCall call = new HypervisorCall();
    private final ReadyGate gate = new ReadyGate(signals, progress, () -> phase, call);

    @BeforeEach
    void plan() {
        progress.planned(1000, 0);
    }

    /** A hundred pages a second. */
    private void sent(long pages) {
        progress.sent(pages, pages * SECOND_NS / 100);
    }

    /** Until it is known that a QEMU waits for the stream, a migration that begins here could be any other: a save. */
    @Test
    void itOpensForAQemuThatWaitsOnceRamIsLeftOut() {
        assertThat(gate.isAwaited()).isFalse();
        phase = MigrationPhase.READY;

        assertThat(gate.await(true, AT_ONCE)).as("QEMU may be started").isTrue();
        assertThat(gate.isAwaited()).isFalse();
        assertThat(gate.await(false, AT_ONCE)).as("the stream may begin").isFalse();
        assertThat(gate.isAwaited()).isTrue();
        gate.open();

        assertThat(gate.await(false, AT_ONCE)).isTrue();
        assertThat(gate.isAwaited()).isFalse();
    }

    @Test
    void aCallThatWasLetThroughIsNotOnItsWayAnyMore() {
        assertThat(gate.await(true, AT_ONCE)).isFalse();
        phase = MigrationPhase.READY;
        assertThat(gate.await(true, AT_ONCE)).isTrue();

        assertThat(call.isLate(0)).isFalse();
    }

    @Test
    void aCallThatIsHeldBackIsOnItsWay() {
        assertThat(gate.await(true, AT_ONCE)).isFalse();

        assertThat(call.isLate(0)).isTrue();
    }

    @Test
    void itIsOpenWhenTheHypervisorHasBegun() {
        phase = MigrationPhase.SWITCHOVER;

        assertThat(gate.await(false, AT_ONCE)).isTrue();
        assertThat(gate.await(true, AT_ONCE)).isTrue();
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationPhase.class,
            names = {"PLANNED", "HANDOVER", "DONE", "ABORTED", "FAILED_AFTER_HANDOVER"})
    void itIsClosedBeforeThatAndAfterwards(MigrationPhase closed) {
        sent(1000);
        phase = closed;

        assertThat(gate.await(true, AT_ONCE)).isFalse();
    }

    @Test
    void itIsNearlyOpenInTheLastMomentsOfARound() {
        sent(900);
        assertThat(gate.await(true, AT_ONCE)).isFalse();

        sent(950);

        assertThat(gate.await(true, AT_ONCE)).isTrue();
        assertThat(gate.await(false, AT_ONCE)).isFalse();
    }

    private boolean hypervisorMayStart() {
        return ReadyGate.hypervisorMayStart(phase, progress);
    }

    @Test
    void theHypervisorMayStartInTheLastTwoSecondsOfARound() {
        sent(790);
        assertThat(hypervisorMayStart()).isFalse();

        sent(810);

        assertThat(hypervisorMayStart()).isTrue();
        assertThat(gate.await(true, AT_ONCE)).as("QEMU is not started yet").isFalse();
        progress.dirty(500, SECOND_NS);
        assertThat(hypervisorMayStart()).as("another round").isFalse();
        phase = MigrationPhase.READY;
        assertThat(hypervisorMayStart()).isTrue();
    }

    @ParameterizedTest
    @EnumSource(
            value = MigrationPhase.class,
            names = {"PLANNED", "SWITCHOVER", "HANDOVER", "DONE", "ABORTED"})
    void theHypervisorMayNotStartBeforeThatNorAgain(MigrationPhase closed) {
        sent(1000);
        phase = closed;

        assertThat(hypervisorMayStart()).isFalse();
    }

    @Test
    void whoWaitsIsLetThroughWhenItOpens() throws Exception {
        CompletableFuture<Boolean> waiting = CompletableFuture.supplyAsync(() -> gate.await(false, 60 * SECOND_NS));

        phase = MigrationPhase.READY;
        gate.open();

        assertThat(waiting.get(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void whoWaitsIsSentAwayWhenTheMigrationEnds() throws Exception {
        CompletableFuture<Boolean> waiting = CompletableFuture.supplyAsync(() -> gate.await(true, 60 * SECOND_NS));

        phase = MigrationPhase.ABORTED;
        signals.changed();

        assertThat(waiting.get(10, TimeUnit.SECONDS)).isFalse();
    }
}
