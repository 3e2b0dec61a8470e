package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.model.Handover;

/** The daemon of each host dies at each point at which something is half done, and another takes its place. */
class FaultPointsTest extends SimulationTest {
    /** Points that nobody comes to but when the guest runs at the destination. */
    private static final Set<FaultPoint> ONLY_AFTERWARDS =
            EnumSet.complementOf(EnumSet.range(FaultPoint.RESERVED, FaultPoint.PUSH_CLAIMED));

    /** Where a daemon that dies may not have seen what decides whose a paused guest is. */
    private static final Set<FaultPoint> PAUSED = EnumSet.of(
            FaultPoint.RAM_LEFT_OUT,
            FaultPoint.LEAVING,
            FaultPoint.LAST_SCAN,
            FaultPoint.QEMU_RELEASED,
            FaultPoint.HANDOVER,
            FaultPoint.LEFT,
            FaultPoint.LOADED,
            FaultPoint.OWNED,
            FaultPoint.WHOLE);

    /** Of a split VM whose guest writes while it migrates. */
    private static final Set<FaultPoint> GIVES_BACK =
            EnumSet.range(FaultPoint.RETURN_MARKED, FaultPoint.RETURN_PUNCHED);

    static {
        ONLY_AFTERWARDS.removeAll(EnumSet.of(FaultPoint.NEXT_OWNER_NAMED, FaultPoint.OPERATION_NOTED));
        ONLY_AFTERWARDS.removeAll(GIVES_BACK);
        ONLY_AFTERWARDS.removeAll(EnumSet.range(FaultPoint.AHEAD_CLAIMED, FaultPoint.AHEAD_ENDED));
        ONLY_AFTERWARDS.addAll(EnumSet.of(FaultPoint.LEFT, FaultPoint.ARRIVED));
        ONLY_AFTERWARDS.removeAll(EnumSet.of(FaultPoint.PAGE_ARRIVED, FaultPoint.PAGE_LOCAL));
    }

    @ParameterizedTest
    @EnumSource
    void nothingIsLostOrLeftWhereverADaemonDies(Role role) throws Exception {
        String only = System.getProperty("test.point");
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        Set<FaultPoint> points = EnumSet.range(FaultPoint.RESERVED, FaultPoint.UNPAGED);
        points.removeAll(EnumSet.of(FaultPoint.MOVE_STORED, FaultPoint.MOVE_STEPPED)); // see SplitFaultPointsTest
        points.addAll(EnumSet.of(FaultPoint.OPERATION_NOTED, FaultPoint.OPERATION_OVER));
        for (FaultPoint point : points) {
            if (only == null || only.equals(point.name())) {
                all.put(point + " with " + role + " killed", () -> dies(role, point));
            }
        }
        Parallel.run(all);
    }

    @ParameterizedTest
    @EnumSource
    void aPausedGuestIsNotLostWhereverADaemonDies(Role role) throws Exception {
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : PAUSED) {
            all.put(
                    point + " with " + role + " killed",
                    () -> dies(role, point, scenario(point).withPausedGuest()));
        }
        Parallel.run(all);
    }

    /** Its sub-hosts are the source's own until that has confirmed that the guest cannot come back. */
    @ParameterizedTest
    @EnumSource
    void aSplitVmIsNotLostWhereverADaemonDies(Role role) throws Exception {
        String only = System.getProperty("test.point");
        Set<FaultPoint> points = EnumSet.range(FaultPoint.RESERVED, FaultPoint.UNPAGED);
        points.removeAll(EnumSet.of(FaultPoint.MOVE_STORED, FaultPoint.MOVE_STEPPED));
        points.addAll(EnumSet.range(FaultPoint.NEXT_OWNER_NAMED, FaultPoint.TAKEN_OVER));
        points.addAll(EnumSet.of(FaultPoint.OPERATION_NOTED, FaultPoint.OPERATION_OVER));
        points.addAll(GIVES_BACK);
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : points) {
            if (only == null || only.equals(point.name())) {
                all.put(
                        point + " with " + role + " killed",
                        () -> dies(role, point, Scenario.alreadySplit().failing(failure(point))));
            }
        }
        Parallel.run(all);
    }

    /** Beside what happens in any migration of a split VM. */
    @ParameterizedTest
    @EnumSource
    void aSplitVmThatIsToBeWholeIsNotLostWhereverADaemonDies(Role role) throws Exception {
        Set<FaultPoint> points = EnumSet.range(FaultPoint.AHEAD_CLAIMED, FaultPoint.AHEAD_ENDED);
        points.addAll(EnumSet.of(
                FaultPoint.PLACED,
                FaultPoint.ROUND_SENT,
                FaultPoint.CHUNK_TOLD,
                FaultPoint.TOLD_DIRTY,
                FaultPoint.LEFT,
                FaultPoint.WHOLE,
                FaultPoint.SOURCE_CONFIRMED,
                FaultPoint.TAKEN_OVER));
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : points) {
            all.put(
                    point + " with " + role + " killed",
                    () -> dies(role, point, Scenario.alreadySplit(Scenario.Move.GATHERS)));
        }
        Parallel.run(all);
    }

    /** Those that are new are reserved by the source, and obey the destination before the others do. */
    @ParameterizedTest
    @EnumSource
    void aSplitVmThatGetsOtherSubHostsIsNotLostWhereverADaemonDies(Role role) throws Exception {
        Map<String, Callable<Boolean>> all = new LinkedHashMap<>();
        for (FaultPoint point : EnumSet.of(
                FaultPoint.NEXT_OWNER_NAMED,
                FaultPoint.RESERVED,
                FaultPoint.LEFT,
                FaultPoint.ADOPTED,
                FaultPoint.SOURCE_CONFIRMED,
                FaultPoint.TAKEN_OVER,
                FaultPoint.MOVE_RELEASED)) {
            all.put(
                    point + " with " + role + " killed",
                    () -> dies(role, point, Scenario.alreadySplit(Scenario.Move.CHANGES_SUB_HOSTS)));
        }
        Parallel.run(all);
    }

    /** One thread has told its chunk, another one may be in the middle of its own. */
    @ParameterizedTest
    @EnumSource
    void nothingIsLostOrLeftIfADaemonDiesBetweenTwoChunks(Role role) throws Exception {
        Scenario twoChunks = new Scenario(
                3,
                1,
                List.of(100L << 20, 40L << 20),
                34_000,
                96L << 20,
                2,
                Handover.HYBRID,
                FakeHypervisor.Failure.NONE,
                false,
                Scenario.Move.SPLITS);

        dies(role, FaultPoint.TOLD_DIRTY, twoChunks);
    }

    private boolean dies(Role role, FaultPoint point) throws Exception {
        return dies(role, point, scenario(point));
    }

    private boolean dies(Role role, FaultPoint point, Scenario scenario) throws Exception {
        AtomicReference<Simulation> simulated = new AtomicReference<>();
        String number = String.valueOf(List.of(FaultPoint.values()).indexOf(point));
        boolean came = run(number, scenario, sim -> {
            simulated.set(sim);
            sim.at(point, sim.killing(role));
            if (GIVES_BACK.contains(point)) {
                sim.readyUntil(point);
            }
        });

        assertThat(simulated.get().happened()).as("the point was come to").contains(point);
        if (role == Role.SOURCE
                && (point.compareTo(FaultPoint.RAM_LEFT_OUT) <= 0 || point == FaultPoint.NEXT_OWNER_NAMED)) {
            assertThat(came).as("the guest has migrated").isFalse();
        }
        if (ONLY_AFTERWARDS.contains(point)
                && !(scenario.split() && point.name().startsWith("PAGES_"))) {
            assertThat(came).as("the guest has migrated").isTrue();
        }
        return came;
    }

    private static Scenario scenario(FaultPoint point) {
        return Scenario.plain().failing(failure(point));
    }

    /** With which somebody comes to it. */
    private static FakeHypervisor.Failure failure(FaultPoint point) {
        return switch (point) {
            case HYPERVISOR_NOT_BEGUN -> FakeHypervisor.Failure.BEGIN;
            case GIVING_UP, HYPERVISOR_GAVE_UP -> FakeHypervisor.Failure.STOPPED;
            default -> FakeHypervisor.Failure.NONE;
        };
    }
}
