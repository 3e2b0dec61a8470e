package org.splitmem.memory.simulation;

import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.Gcc;
import org.splitmem.memory.testing.MemoryDirectory;

/** What every test of whole simulated hosts needs: a tmpfs for their memory, and a program that plays QEMU. */
@Tag("root")
abstract class SimulationTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Path program = Path.of("");

    @BeforeEach
    void compile() throws Exception {
        program = Gcc.compile("paging/fakeqemu.c", directory.resolve("fakeqemu"));
    }

    /** As {@link Scenario#save}. */
    final void save(String name, Scenario scenario) throws Exception {
        scenario.save(directory.resolve(name), program);
    }

    /** Plays a scenario in a directory of that name, with the events that it is given. @return whether the guest has migrated */
    final boolean run(String name, Scenario scenario, Consumer<Simulation> events) throws Exception {
        return scenario.run(directory.resolve(name), program, events);
    }
}
