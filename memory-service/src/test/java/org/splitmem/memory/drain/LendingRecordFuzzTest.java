package org.splitmem.memory.drain;

import static org.splitmem.memory.testing.Property.areEqual;
import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.record.RecordTarget;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;

/** What was said of a host's lending, see {@link RecordTarget}: the host lends accordingly, or as configured, and the next daemon knows the same. */
class LendingRecordFuzzTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @FuzzTest
    void whatWasSaidIsRefusedOrInForce(byte[] input) throws Exception {
        Target.check(new RecordTarget(directory), directory, input);
    }

    /** Loaded after Jazzer, see HACKING.md. */
    private static final class Target {
        private static final long CONFIGURED = 1 << 30;

        static void check(RecordTarget target, MemoryDirectory directory, byte[] input) throws Exception {
            if (!target.write(input, LendingRecord[].class)) {
                return;
            }
            MemoryServer server =
                    new MemoryServer(directory.resolve("stores"), 0, () -> CONFIGURED, Lender.NO_NEIGHBOUR);
            Lending lending = lending(target, server);
            LendingRecord said = lending.record();
            holds(!target.wasSetAside(), "what can be read is not set aside");
            areEqual(server.isClosed(), said.draining());
            areEqual(server.lendLimitBytes(), said.limitBytes() == null ? CONFIGURED : said.limitBytes());
            lending.note(before -> before.asking(new UUID(7, 7), List.of()));
            areEqual(lending(target, server).record(), lending.record());
        }

        private static Lending lending(RecordTarget target, MemoryServer server) throws Exception {
            return new Lending("h3", CONFIGURED, target.file(), new FakeMainHosts("h4"), server);
        }
    }
}
