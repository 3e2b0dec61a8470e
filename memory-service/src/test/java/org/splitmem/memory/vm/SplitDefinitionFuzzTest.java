package org.splitmem.memory.vm;

import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.record.RecordTarget;
import org.splitmem.memory.testing.MemoryDirectory;

/** A split definition, see {@link RecordTarget}: a VM can be started with it. */
class SplitDefinitionFuzzTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @FuzzTest
    void aSplitDefinitionIsRefusedOrUsable(byte[] input) throws Exception {
        Target.check(new RecordTarget(directory), input);
    }

    /** Loaded after Jazzer, see HACKING.md. */
    static final class Target {
        static void check(RecordTarget target, byte[] input) throws Exception {
            target.check(input, SplitDefinition.class, Target::use);
        }

        private static void use(SplitDefinition definition) {
            holds(definition.vm() != null && definition.name() != null, "it is the definition of a VM");
            holds(definition.ramBytes() >= 0 && definition.budgetBytes() >= 0, "it has sizes");
            definition.lenders().forEach(VmRecordFuzzTest.Target::isComplete);
            VmRecord born = definition.born(definition.name(), 1);
            holds(born.ramBytes() >= 0, "the VM's RAM has a size");
        }
    }
}
