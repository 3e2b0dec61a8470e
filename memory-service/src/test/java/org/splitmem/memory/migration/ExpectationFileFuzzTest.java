package org.splitmem.memory.migration;

import static org.splitmem.memory.testing.Property.areEqual;
import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.record.RecordTarget;
import org.splitmem.memory.testing.MemoryDirectory;

/** Which VMs are expected, see {@link RecordTarget}: of each it is known what it is to be, or the file is set aside. */
class ExpectationFileFuzzTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @FuzzTest
    void expectationsAreRefusedOrUsable(byte[] input) throws Exception {
        Target.check(new RecordTarget(directory), input);
    }

    /** Loaded after Jazzer, see HACKING.md. */
    private static final class Target {
        static void check(RecordTarget target, byte[] input) throws Exception {
            if (!target.write(input, ExpectationFile.Expected[].class)) {
                return;
            }
            ExpectationFile expectations = new ExpectationFile(target.file());
            holds(!target.wasSetAside(), "what can be read is not set aside");
            for (ExpectationFile.Expected one : expectations.all()) {
                holds(one.vm() != null && !one.name().isEmpty(), "it is known which VM is expected");
                holds(one.plan().ramBytes() > 0 && one.budgetBytes() >= 0, "its sizes are known");
                expectations.put(one);
            }
            areEqual(new ExpectationFile(target.file()).all(), expectations.all());
        }
    }
}
