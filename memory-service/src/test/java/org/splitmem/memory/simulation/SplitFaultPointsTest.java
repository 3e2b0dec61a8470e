package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.testing.Gcc;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.Vm;

/** A VM is split on its host, and daemons die at each point at which something is half done. */
@Tag("root")
class SplitFaultPointsTest {
    private static final Set<FaultPoint> POINTS = EnumSet.range(FaultPoint.SPLIT_NOTED, FaultPoint.SPLIT_GIVEN_UP);

    static {
        POINTS.addAll(EnumSet.range(FaultPoint.PAGES_MARKED, FaultPoint.PAGE_LOCAL));
        POINTS.addAll(EnumSet.range(FaultPoint.GATHER_CLAIMED, FaultPoint.GATHER_LOCAL));
        POINTS.addAll(EnumSet.range(FaultPoint.GIVEN_CLAIMED, FaultPoint.GIVEN_ZERO));
        POINTS.addAll(EnumSet.of(FaultPoint.ADOPTED, FaultPoint.UNPAGED));
        POINTS.addAll(EnumSet.of(FaultPoint.OPERATION_NOTED, FaultPoint.OPERATION_OVER));
    }

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Path program = Path.of("");

    @BeforeEach
    void compile() throws Exception {
        program = Gcc.compile("paging/fakeqemu.c", directory.resolve("fakeqemu"));
    }

    @Test
    void aVmIsSplitWhereItIsAndGatheredAgain() throws Exception {
        assertThat(SplitScenario.run(directory.resolve("sim"), program, 2, sim -> {}))
                .isEmpty();
    }

    @Test
    void aSplitVmThatEndsAndIsStartedAgainIsSplitAgainFromItsFirstPage() throws Exception {
        SplitScenario.runAgain(directory.resolve("sim"), program, 2, sim -> {});
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "DESTINATION")
    void itIsWholeWithNothingReservedOrPagedWithAllWhereverADaemonDies(Role role) throws Exception {
        String only = System.getProperty("test.point");
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : POINTS) {
            if (only == null || only.equals(point.name())) {
                all.put(point + " with " + role + " killed", () -> dies(role, point));
            }
        }
        Parallel.run(all);
    }

    @Test
    void aSplitVmGetsOtherSubHosts() throws Exception {
        SplitScenario.runMoved(directory.resolve("sim"), program, sim -> {});
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "DESTINATION")
    void itGetsOtherSubHostsWhereverADaemonDies(Role role) throws Exception {
        diesWhileMoving("moved", role, SplitScenario::runMoved);
    }

    /** It may be told only when it is back, and would have pages again by then. */
    @Test
    void aSubHostThatIsToFreeWhatItLentIsNotKept() throws Exception {
        assertThat(SplitScenario.runLetGo(directory.resolve("sim"), program)).isNotEmpty();
    }

    @Test
    void aSubHostIsDrained() throws Exception {
        SplitScenario.runDrained(directory.resolve("sim"), program, sim -> {});
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "DESTINATION")
    void aSubHostIsDrainedWhereverADaemonDies(Role role) throws Exception {
        diesWhileMoving("drained", role, SplitScenario::runDrained);
    }

    private interface Life {
        void run(Path directory, Path program, Consumer<Simulation> events) throws Exception;
    }

    private void diesWhileMoving(String what, Role role, Life life) throws Exception {
        String only = System.getProperty("test.point");
        Set<FaultPoint> points = EnumSet.range(FaultPoint.MOVE_NOTED, FaultPoint.MOVE_RELEASED);
        points.addAll(EnumSet.of(
                FaultPoint.MOVE_STORED,
                FaultPoint.MOVE_STEPPED,
                FaultPoint.OPERATION_NOTED,
                FaultPoint.OPERATION_OVER));
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : points) {
            if (only == null || only.equals(point.name())) {
                all.put(what + ", " + point + " with " + role + " killed", () -> {
                    AtomicReference<Simulation> simulated = new AtomicReference<>();
                    life.run(
                            directory.resolve(
                                    what + List.of(FaultPoint.values()).indexOf(point)),
                            program,
                            sim -> {
                                simulated.set(sim);
                                sim.at(point, sim.killing(role));
                            });
                    assertThat(simulated.get().happened())
                            .as("the point was come to")
                            .contains(point);
                    return true;
                });
            }
        }
        Parallel.run(all);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "DESTINATION")
    void anExpectedVmIsSplitWhenItComesWhereverADaemonDies(Role role) throws Exception {
        List<FaultPoint> points = List.of(
                FaultPoint.EXPECTED_NOTED,
                FaultPoint.EXPECTED_RESERVED,
                FaultPoint.BIRTH_ADOPTED,
                FaultPoint.BORN,
                FaultPoint.EXPECTED_CAME);
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : points) {
            all.put("born, " + point + " with " + role + " killed", () -> diesBorn(role, point));
        }
        Parallel.run(all);
    }

    private boolean diesBorn(Role role, FaultPoint point) throws Exception {
        AtomicReference<Simulation> simulated = new AtomicReference<>();
        Path place = directory.resolve("b" + List.of(FaultPoint.values()).indexOf(point));
        SplitScenario.runBorn(place, program, 2, sim -> {
            simulated.set(sim);
            sim.at(point, sim.killing(role));
        });
        assertThat(simulated.get().happened()).as("the point was come to").contains(point);
        return true;
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "DESTINATION")
    void oneThatStartsAgainIsSplitOrDoesNotStartWhereverADaemonDies(Role role) throws Exception {
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : EnumSet.range(FaultPoint.BIRTH_NOTED, FaultPoint.BORN)) {
            all.put("again, " + point + " with " + role + " killed", () -> {
                AtomicReference<Simulation> simulated = new AtomicReference<>();
                Path place =
                        directory.resolve("a" + List.of(FaultPoint.values()).indexOf(point));
                SplitScenario.runAgain(place, program, 2, sim -> {
                    simulated.set(sim);
                    sim.at(point, sim.killing(role));
                });
                assertThat(simulated.get().happened())
                        .as("the point was come to")
                        .contains(point);
                return true;
            });
        }
        Parallel.run(all);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "DESTINATION")
    void oneThatNeverComesLeavesNothingWhereverADaemonDies(Role role) throws Exception {
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point :
                List.of(FaultPoint.EXPECTED_NOTED, FaultPoint.EXPECTED_RESERVED, FaultPoint.EXPECTED_DROPPED)) {
            all.put(point + " with " + role + " killed", () -> {
                AtomicReference<Simulation> simulated = new AtomicReference<>();
                SplitScenario.runForsaken(
                        directory.resolve("f" + List.of(FaultPoint.values()).indexOf(point)), sim -> {
                            simulated.set(sim);
                            sim.at(point, sim.killing(role));
                        });
                assertThat(simulated.get().happened())
                        .as("the point was come to")
                        .contains(point);
                return true;
            });
        }
        Parallel.run(all);
    }

    /** So that nothing can come of the split. */
    private static void forgetReservation(Simulation sim, SimDaemon at) throws Exception {
        Vm vm = Objects.requireNonNull(at.vms().find(Simulation.VM));
        String token = vm.record().lenders().get(0).token();
        assertThat(sim.host(Role.SUB_HOST).daemon().server().release(Simulation.VM, token))
                .isTrue();
    }

    private boolean dies(Role role, FaultPoint point) throws Exception {
        AtomicReference<Simulation> simulated = new AtomicReference<>();
        Optional<String> refused = SplitScenario.run(
                directory.resolve(String.valueOf(List.copyOf(POINTS).indexOf(point))), program, 2, sim -> {
                    simulated.set(sim);
                    sim.at(point, sim.killing(role));
                    if (point == FaultPoint.SPLIT_GIVEN_UP) {
                        sim.at(FaultPoint.SPLIT_RESERVED, at -> forgetReservation(sim, at));
                    }
                });

        assertThat(simulated.get().happened()).as("the point was come to").contains(point);
        boolean ofTheSplit =
                EnumSet.range(FaultPoint.SPLIT_NOTED, FaultPoint.SPLIT_GIVEN_UP).contains(point);
        if (role == Role.SOURCE && ofTheSplit) {
            assertThat(refused).isPresent();
        }
        return refused.isEmpty();
    }
}
