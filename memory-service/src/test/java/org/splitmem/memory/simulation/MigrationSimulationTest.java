package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.testing.Await;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationKind;
import org.splitmem.model.MigrationPhase;

/** Whole migrations between simulated hosts on which nothing dies. */
class MigrationSimulationTest extends SimulationTest {
    private static final long MIB = 1L << 20;

    @Test
    void aVmIsSplitAndGatheredAgain() throws Exception {
        assertThat(run("sim", Scenario.plain(), sim -> {})).isTrue();
    }

    @Test
    void severalBackendsAndChunksAndSubHosts() throws Exception {
        Scenario scenario = new Scenario(
                2,
                3,
                List.of(100 * MIB, 40 * MIB),
                12_000,
                32 * MIB,
                3,
                Handover.COMPLETE,
                FakeHypervisor.Failure.NONE,
                false,
                Scenario.Move.SPLITS);

        assertThat(run("sim", scenario, sim -> {})).isTrue();
    }

    /** libvirt ends the source's QEMU at once when the guest runs there; the destination's word of it may come later. */
    @Test
    void theDowntimeIsKnownAlsoIfTheSourcesQemuEndsFirst() throws Exception {
        List<MigrationInfo> migrations = new ArrayList<>();

        run("sim", Scenario.plain(), sim -> {
            sim.at(
                    FaultPoint.RUNNING,
                    at -> Await.until("the source knows", () -> only(sim).phase() == MigrationPhase.HANDOVER));
            sim.at(FaultPoint.UNPAGED, at -> migrations.add(only(sim)));
        });

        assertThat(migrations).singleElement().satisfies(one -> {
            assertThat(one.phase()).isEqualTo(MigrationPhase.DONE);
            assertThat(one.downtimeMs()).isPositive();
        });
    }

    private static MigrationInfo only(Simulation sim) throws IOException {
        return sim.host(Role.SOURCE).daemon().migrations().list().get(0);
    }

    /** What is told of it while it runs: what it changes, who is the next owner, and how much stays where it is. */
    @Test
    void aSplitVmsMigrationSaysFromTheBeginningWhatStays() throws Exception {
        List<MigrationInfo> running = new ArrayList<>();

        run("sim", Scenario.alreadySplit(), sim -> sim.at(FaultPoint.PLANNED, at -> running.add(only(sim))));

        assertThat(running).singleElement().satisfies(one -> {
            assertThat(one.phase()).isEqualTo(MigrationPhase.PRECOPY);
            assertThat(one.kind()).isEqualTo(MigrationKind.PARTIAL);
            assertThat(one.stayingPages()).isPositive();
        });
    }

    /** Its main host moves, its sub-hosts stay. */
    @Test
    void aSplitVmMovesOn() throws Exception {
        assertThat(run("sim", Scenario.alreadySplit(), sim -> {})).isTrue();
    }

    /** All hosts send to the destination at once; what its memory servers still have when the guest is there follows. */
    @Test
    void aSplitVmMovesAndIsWhole() throws Exception {
        List<FaultPoint> points = new CopyOnWriteArrayList<>();

        boolean came = run("sim", Scenario.alreadySplit(Scenario.Move.GATHERS), sim -> {
            sim.at(FaultPoint.AHEAD_STORED, at -> points.add(FaultPoint.AHEAD_STORED));
            sim.at(FaultPoint.AHEAD_ENDED, at -> points.add(FaultPoint.AHEAD_ENDED));
            sim.at(FaultPoint.CHUNK_TOLD, at -> points.add(FaultPoint.CHUNK_TOLD));
        });

        assertThat(came).isTrue();
        assertThat(points)
                .as("it ends before a chunk opens")
                .containsExactly(FaultPoint.AHEAD_STORED, FaultPoint.AHEAD_ENDED, FaultPoint.CHUNK_TOLD);
    }

    @Test
    void aSplitVmMovesAndHasOtherSubHosts() throws Exception {
        assertThat(run("sim", Scenario.alreadySplit(Scenario.Move.CHANGES_SUB_HOSTS), sim -> {}))
                .isTrue();
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void aHypervisorThatFailsLeavesASplitVmAtHome(FakeHypervisor.Failure failure) throws Exception {
        assertThat(run("sim", Scenario.alreadySplit().failing(failure), sim -> {}))
                .isFalse();
    }

    /** QEMU does not agree to send RAM any more once it migrates, and the guest would be loaded where it has none. */
    @Test
    void aHypervisorThatBeginsWhileItsMigrationIsGivenUpIsCancelled() throws Exception {
        List<Boolean> migrates = new ArrayList<>();

        boolean came = run("sim", Scenario.plain(), sim -> {
            sim.at(FaultPoint.RAM_LEFT_OUT, sim.killing(Role.DESTINATION));
            sim.at(
                    FaultPoint.HYPERVISOR_NOT_BEGUN,
                    at -> Await.until("it has begun", () -> sim.isMigrating(Role.SOURCE)));
            sim.at(FaultPoint.HYPERVISOR_GAVE_UP, at -> migrates.add(sim.isMigrating(Role.SOURCE)));
        });

        assertThat(came).isFalse();
        assertThat(migrates).containsExactly(false);
    }

    /** It is never resumed: that it is handed over shows in the QEMU that has loaded it, and in the one that has ended. */
    @Test
    void aPausedGuestIsHandedOverToo() throws Exception {
        assertThat(run("sim", Scenario.plain().withPausedGuest(), sim -> {})).isTrue();
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"NONE", "DESTROYED", "RESUMED"})
    void aHypervisorThatFailsLeavesAPausedVmAtHome(FakeHypervisor.Failure failure) throws Exception {
        assertThat(run("sim", Scenario.plain().withPausedGuest().failing(failure), sim -> {}))
                .isFalse();
    }

    /** libvirt has it saved by a migration of QEMU, to a file. */
    @Test
    void aVmThatIsSavedWhenItsMigrationIsReadyIsNotTakenForMigrated() throws Exception {
        save("sim", Scenario.plain());
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void aHypervisorThatFailsLeavesTheVmAtHome(FakeHypervisor.Failure failure) throws Exception {
        Scenario scenario = Scenario.plain().failing(failure);

        assertThat(run("sim", scenario, sim -> {})).isFalse();
    }
}
