package org.splitmem.memory.shim;

import static org.splitmem.memory.testing.Property.areEqual;
import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.HeapUse;
import org.splitmem.memory.testing.MemoryDirectory;

/** A file in which libvirt keeps a running domain, or half of one: refused with an IOException that names it, or it is known whose it is. */
class DomainStatusFuzzTest {
    private static final long MOST_HEAP = 8 << 20;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @FuzzTest
    void aStatusIsRefusedOrSaysWhoseItIs(byte[] input) throws Exception {
        Path file = directory.resolve("db.xml");
        Files.write(file, input);
        HeapUse.isAtMost(MOST_HEAP, () -> Target.check(file));
    }

    /** Loaded after Jazzer, see HACKING.md. */
    private static final class Target {
        static void check(Path file) {
            try {
                DomainStatus status = DomainStatus.read(file);
                holds(status.pid() > 0, "it has a process");
                holds(status.uuid() != null, "it has a VM");
                areEqual(DomainStatus.read(file), status);
            } catch (IOException e) {
                holds(e.getMessage().contains(file.toString()), "the refusal names the file");
            }
        }
    }
}
