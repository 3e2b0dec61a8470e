package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Handover;

/** A bug ends what the source's daemon is doing: the guest lives on where it runs, and keeps every page that it may need there. */
class BugsTest extends SimulationTest {
    private static final long MIB = 1L << 20;

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
                false);

        boolean came = run(
                "sim",
                twoChunks,
                sim -> sim.at(point, at -> {
                    Await.until("the guest runs at the destination", () -> runsThere(sim));
                    Simulation.bug().happen(at);
                }));

        assertThat(came).isTrue();
    }

    private static boolean runsThere(Simulation sim) throws IOException {
        return sim.phaseAt(sim.host(Role.DESTINATION)) == VmRecord.Phase.PAGED;
    }
}
