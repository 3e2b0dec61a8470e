package org.splitmem.memory.operation;

import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.record.RecordTarget;
import org.splitmem.memory.testing.MemoryDirectory;

/** A file of the journal of operations, see {@link RecordTarget}. */
class OperationRecordFuzzTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @FuzzTest
    void anOperationsRecordIsRefusedOrUsable(byte[] input) throws Exception {
        Target.check(new RecordTarget(directory), input);
    }

    /** Loaded after Jazzer, see HACKING.md. */
    static final class Target {
        static void check(RecordTarget target, byte[] input) throws Exception {
            target.check(input, OperationRecord.class, Target::use);
        }

        private static void use(OperationRecord record) {
            holds(record.id() != null && record.kind() != null && record.state() != null, "it says what it is");
            holds(record.state().isOver() == (record.finishedAtMs() != null), "it is over, or is not");
            holds(!record.fileName().contains("/"), "its file is in the journal's directory");
        }
    }
}
