package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;

/** A bug ends what the source's daemon is doing: the guest lives on where it runs, and keeps every page that it may need there. */
class BugsTest extends SimulationTest {
    private static final long MIB = 1L << 20;

    private static final Set<FaultPoint> AFTER_HANDOVER =
            EnumSet.of(FaultPoint.HANDOVER, FaultPoint.LEFT, FaultPoint.ARRIVED);

    @Test
    void whereverItIsTheGuestKeepsItsPages() throws Exception {
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : EnumSet.range(FaultPoint.RESERVED, FaultPoint.QEMU_RELEASED)) {
            all.put("a bug at " + point, () -> {
                boolean came = run(point.name(), Scenario.plain(), sim -> sim.at(point, Simulation.bug()));
                assertThat(came && point.compareTo(FaultPoint.RAM_LEFT_OUT) <= 0)
                        .as("the guest has migrated")
                        .isFalse();
                return came;
            });
        }
        Parallel.run(all);
    }

    /** Two chunks, of which the first is all that the device state needs. */
    @ParameterizedTest
    @EnumSource(names = {"TOLD_DIRTY", "QEMU_RELEASED"})
    void whenTheGuestRunsAtTheDestinationAlreadyNothingIsGivenUp(FaultPoint point) throws Exception {
        Scenario twoChunks = new Scenario(
                3,
                1,
                List.of(100 * MIB, 40 * MIB),
                34_000,
                96 * MIB,
                2,
                Handover.HYBRID,
                FakeHypervisor.Failure.NONE,
                false,
                Scenario.Move.SPLITS);

        boolean came = run(
                "sim",
                twoChunks,
                sim -> sim.at(point, at -> {
                    Await.until("the guest runs at the destination", () -> runsThere(sim));
                    Simulation.bug().happen(at);
                }));

        assertThat(came).isTrue();
    }

    /** What failed for a moment is done all the same. */
    @Test
    void whatFailsAfterTheHandoverIsDoneAgain() throws Exception {
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : AFTER_HANDOVER) {
            all.put("a bug at " + point, () -> {
                MigrationInfo info = afterBugs(point, "one-" + point.name().charAt(0), Simulation::at);
                assertThat(info.phase()).as("%s", info).isEqualTo(MigrationPhase.DONE);
                return true;
            });
        }
        Parallel.run(all);
    }

    /** The pages that are left are served, and freed when the destination has them. */
    @Test
    void whatFailsForEverAfterTheHandoverEndsTheMigrationAndNothingElse() throws Exception {
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : AFTER_HANDOVER) {
            all.put("bugs at " + point, () -> {
                MigrationInfo info = afterBugs(point, "all-" + point.name().charAt(0), Simulation::always);
                assertThat(info.phase()).as("%s", info).isEqualTo(MigrationPhase.FAILED_AFTER_HANDOVER);
                assertThat(info.reason())
                        .contains("the guest is on h2, but h1 could not complete the handover: a bug")
                        .contains("h1 has to stay up");
                return true;
            });
        }
        Parallel.run(all);
    }

    private interface Happening {
        void of(Simulation sim, FaultPoint point, Simulation.Event event);
    }

    /** @return how the migration ended */
    private MigrationInfo afterBugs(FaultPoint point, String name, Happening bugs) throws Exception {
        AtomicReference<MigrationService> source = new AtomicReference<>();

        boolean came = run(name, Scenario.plain(), sim -> {
            sim.at(FaultPoint.RESERVED, at -> source.set(at.migrations()));
            bugs.of(sim, point, Simulation.bug());
        });

        assertThat(came).as("the guest has migrated").isTrue();
        return source.get().list().get(0);
    }

    /** Nothing that fails on the way back keeps the VM from going on as before. */
    @ParameterizedTest
    @EnumSource(names = {"GIVING_UP", "HYPERVISOR_GAVE_UP"})
    void whatFailsWhenAMigrationIsGivenUpIsDoneAgain(FaultPoint point) throws Exception {
        Scenario scenario = Scenario.plain().failing(FakeHypervisor.Failure.STOPPED);

        boolean came = run("sim", scenario, sim -> sim.at(point, Simulation.bug()));

        assertThat(came).isFalse();
    }

    private static boolean runsThere(Simulation sim) throws IOException {
        return sim.phaseAt(sim.host(Role.DESTINATION)) == VmRecord.Phase.PAGED;
    }
}
