package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.testing.SeededTest;
import org.splitmem.model.Handover;

/** Migrations of which chance decides everything: sizes, what the guest writes, who dies or gives up, and when. */
class SeededSimulationTest extends SimulationTest {
    private static final long MIB = 1L << 20;

    @SeededTest(runs = 10)
    void whateverHappensNothingIsLostAndNothingIsLeft(long seed) throws Exception {
        Random random = new Random(seed);
        Scenario scenario = scenario(random, seed);

        boolean came = run("sim", scenario, sim -> {
            for (int events = 1 + random.nextInt(3); events > 0; events--) {
                sim.at(any(random, FaultPoint.values()), event(random, sim));
            }
        });

        if (scenario.failure() != FakeHypervisor.Failure.NONE) {
            assertThat(came).isFalse();
        }
    }

    private static Scenario scenario(Random random, long seed) {
        long first = (16 + random.nextInt(20)) * MIB;
        List<Long> backends = random.nextBoolean() ? List.of(first + 8 * MIB) : List.of(first, 8 * MIB);
        long pages = (first + 8 * MIB) / 4096;
        long filled = pages / 2 + random.nextInt((int) pages / 2);
        long budget = 16 * MIB + random.nextInt(8) * MIB;
        int subHosts = 1 + random.nextInt(3);
        return new Scenario(
                seed,
                subHosts,
                backends,
                filled,
                budget,
                1 + random.nextInt(4),
                any(random, Handover.values()),
                random.nextInt(4) > 0 ? FakeHypervisor.Failure.NONE : any(random, FakeHypervisor.Failure.values()),
                random.nextInt(4) == 0,
                move(random, subHosts, filled * 4096 > budget + 2 * MIB));
    }

    /** @param isLarge whether something of it has to be elsewhere if it is split */
    private static Scenario.Move move(Random random, int subHosts, boolean isLarge) {
        Scenario.Move move =
                random.nextBoolean() && isLarge ? any(random, Scenario.Move.values()) : Scenario.Move.SPLITS;
        return move == Scenario.Move.CHANGES_SUB_HOSTS && subHosts == 1 ? Scenario.Move.GATHERS : move;
    }

    private static Simulation.Event event(Random random, Simulation sim) {
        Role role = any(random, Role.values());
        return switch (random.nextInt(6)) {
            case 0 -> sim.resetting(role);
            case 1 -> sim.aborting();
            default -> sim.killing(role);
        };
    }

    private static <T> T any(Random random, T[] of) {
        return of[random.nextInt(of.length)];
    }
}
