package org.splitmem.memory.migration;

import static org.splitmem.memory.testing.Property.areEqual;
import static org.splitmem.memory.testing.Property.holds;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.memory.record.RecordTarget;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.thread.HostThreads;

/** What other hosts are still to free, see {@link RecordTarget}: each of them is asked for exactly what the file says, or it is set aside. */
class PendingReleasesFuzzTest {
    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    @FuzzTest
    void releasesAreRefusedOrUsable(byte[] input) throws Exception {
        Target.check(new RecordTarget(directory), input);
    }

    /** Loaded after Jazzer, see HACKING.md. */
    private static final class Target {
        static void check(RecordTarget target, byte[] input) throws Exception {
            if (!target.write(input, PendingReleases.Release[].class)) {
                return;
            }
            FakePeers peers = new FakePeers("h1", "h3");
            PendingReleases releases = new PendingReleases(target.file(), peers, new HostThreads(Runnable::run));
            holds(!target.wasSetAside(), "what can be read is not set aside");
            List<PendingReleases.Release> found =
                    List.of(RecordFile.load(target.file(), PendingReleases.Release[].class));
            releases.attempt(System.nanoTime());
            long known = found.stream()
                    .distinct()
                    .filter(one -> one.host().equals("h1") || one.host().equals("h3"))
                    .count();
            areEqual((long) peers.asked().size(), known);
            if (known > 0 && Files.exists(target.file())) {
                areEqual(
                        (long) RecordFile.load(target.file(), PendingReleases.Release[].class).length,
                        found.stream().distinct().count() - known);
            }
        }
    }
}
