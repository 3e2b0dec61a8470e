package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.memory.testing.Gcc;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.model.Handover;

/** Whole migrations between simulated hosts on which nothing dies. */
@Tag("root")
class MigrationSimulationTest {
    private static final long MIB = 1L << 20;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Path program = Path.of("");

    @BeforeEach
    void compile() throws Exception {
        program = Gcc.compile("paging/fakeqemu.c", directory.resolve("fakeqemu"));
    }

    @Test
    void aVmIsSplitAndGatheredAgain() throws Exception {
        assertThat(Scenario.plain().run(directory.resolve("sim"), program, sim -> {}))
                .isTrue();
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
                FakeHypervisor.Failure.NONE);

        assertThat(scenario.run(directory.resolve("sim"), program, sim -> {})).isTrue();
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void aHypervisorThatFailsLeavesTheVmAtHome(FakeHypervisor.Failure failure) throws Exception {
        Scenario scenario = Scenario.plain().failing(failure);

        assertThat(scenario.run(directory.resolve("sim"), program, sim -> {})).isFalse();
    }
}
