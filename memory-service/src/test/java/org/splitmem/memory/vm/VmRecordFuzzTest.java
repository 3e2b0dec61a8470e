package org.splitmem.memory.vm;

import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.record.RecordTarget;
import org.splitmem.memory.testing.MemoryDirectory;

/** The record of a VM, see {@link RecordTarget}: it names the VM, and its sizes can be added up. */
class VmRecordFuzzTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @FuzzTest
    void aVmsRecordIsRefusedOrUsable(byte[] input) throws Exception {
        Target.check(new RecordTarget(directory), input);
    }

    /** Loaded after Jazzer, see HACKING.md. */
    static final class Target {
        static void check(RecordTarget target, byte[] input) throws Exception {
            target.check(input, VmRecord.class, Target::use);
        }

        private static void use(VmRecord record) {
            holds(record.uuid() != null && record.name() != null && record.phase() != null, "it is the record of a VM");
            holds(record.ramBytes() >= 0, "its RAM has a size");
            holds(record.budgetPages() >= 0, "its budget has a size");
            for (int host = 0; host < record.lenders().size(); host++) {
                holds(record.lenders().get(host).reservedBytes() >= 0, "what is lent has a size");
                isComplete(record.lenders().get(host));
            }
            if (record.source() != null) {
                isComplete(record.source());
            }
            record.runsSplit();
        }

        static void isComplete(VmRecord.Lender lender) {
            holds(lender.host() != null && lender.address() != null && lender.token() != null, "a lender has a name");
            holds(lender.dataPort() >= 0 && lender.dataPort() <= 65_535, "a lender has a port");
        }
    }
}
