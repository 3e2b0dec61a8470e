package org.splitmem.memory.server;

import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.record.RecordTarget;
import org.splitmem.memory.testing.MemoryDirectory;

/** The record of a store, see {@link RecordTarget}: it says whose it is and how large. */
class StoreRecordFuzzTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @FuzzTest
    void aStoresRecordIsRefusedOrUsable(byte[] input) throws Exception {
        Target.check(new RecordTarget(directory), input);
    }

    /** Loaded after Jazzer, see HACKING.md. */
    static final class Target {
        static void check(RecordTarget target, byte[] input) throws Exception {
            target.check(input, StoreRecord.class, Target::use);
        }

        private static void use(StoreRecord record) {
            holds(record.vm() != null && record.token() != null && record.mainHost() != null, "it says whose it is");
            holds(record.pages() > 0 && record.reservedBytes() >= 0, "it has a size");
        }
    }
}
