package org.splitmem.memory.vm;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.MemoryDirectory;

/** A test of one {@link Machine}, which ends with it. */
@Tag("root")
abstract class MachineTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    final long pages;
    Machine machine;

    /** @param pages of the VM */
    MachineTest(long pages) {
        this.pages = pages;
    }

    /** A machine that is yet to be started. */
    final Machine machine(String... lenders) throws Exception {
        machine = new Machine(directory.path(), pages);
        return machine.withLenders(lenders);
    }

    @AfterEach
    void end() {
        machine.close();
    }
}
