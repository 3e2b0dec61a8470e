package org.splitmem.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.config.DaemonConfig;
import org.splitmem.memory.control.HostFacts;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;

/** How much of a host its guests may take. */
class GuestLimitTest {
    private static final long LENT = 8L << 20;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final HostFacts facts;

    GuestLimitTest() throws IOException {
        facts = new HostFacts();
    }

    private long limit(String line) throws Exception {
        Path file = directory.resolve("splitmem.conf");
        Files.writeString(file, "host.name = h1\n" + line + "\n");
        MemoryServer server = new MemoryServer(
                directory.resolve("stores"), Long.MAX_VALUE, () -> Long.MAX_VALUE, Lender.NO_NEIGHBOUR);
        server.recover();
        if (server.lentBytes() == 0) {
            server.reserve(new StoreRecord(TestVms.UUID_OF_VM, "token", 1, LENT / 4096, LENT, "h2", "h2", false));
        }
        return MemoryService.guestLimit(DaemonConfig.load(file), facts, server);
    }

    /** The rest is for the host itself. */
    @Test
    void byDefaultItIsMostOfTheMemoryLessWhatIsLent() throws Exception {
        long whole = facts.totalBytes();

        assertThat(limit("")).isBetween(whole / 100 * 94 - LENT, whole / 100 * 96 - LENT);
    }

    @Test
    void whatIsSetIsTaken() throws Exception {
        assertThat(limit("memory.guest-limit = 1GiB")).isEqualTo(1L << 30);
    }
}
