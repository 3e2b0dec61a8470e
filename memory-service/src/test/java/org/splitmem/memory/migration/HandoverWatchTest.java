package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationPhase;

class HandoverWatchTest {
    private static final long RAM = 64L << 20;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final Progress progress = new Progress();
    private MigrationReport report;
    private HandoverWatch watch;

    @BeforeEach
    void begin() throws IOException {
        MigrationTask task = new MigrationTask(
                "m1",
                new PeerHosts.Peer("h2", "127.0.0.1", 7780),
                RAM,
                false,
                List.of(),
                new TreeMap<>(),
                new VmRecord.Lender("h1", "127.0.0.1", 7780, "token", RAM),
                6,
                1,
                0,
                Handover.HYBRID,
                Origin.UNKNOWN);
        report = new MigrationReport(
                TestVms.vm(directory.path(), TestVms.record("db1", VmRecord.Phase.LOCAL, RAM)), task, "h1", progress);
        EnumSet.range(MigrationPhase.PRECOPY, MigrationPhase.HANDOVER)
                .forEach(phase -> report.entered(phase, "as it goes"));
        progress.planned(2000, at(0));
        progress.left(1000);
        watch = new HandoverWatch(TestVms.UUID_OF_VM, task, 60, progress, report, at(0));
    }

    private static long at(long seconds) {
        return TimeUnit.SECONDS.toNanos(seconds);
    }

    @Test
    void whatGoesOnIsNoStallHoweverLongItTakes() {
        for (int second = 1; second <= 1000; second++) {
            watch.look(second / 59, at(second));
            assertThat(report.info().reason()).isNull();
        }

        assertThat(report.info().bytesRemaining()).isEqualTo((1000 - 16) * 4096L);
    }

    @Test
    void aStallIsReportedWithWhatIsLeftUntilItGoesOn() {
        watch.look(100, at(5));

        watch.look(100, at(64));
        assertThat(report.info().reason()).isNull();
        watch.look(100, at(65));
        assertThat(report.info().reason())
                .contains(
                        "no page has left for h2 for 60 s (migration.handover-stall-seconds), 3.5 MiB are still here");
        assertThat(report.info().phase()).isEqualTo(MigrationPhase.HANDOVER);
        watch.look(101, at(201));
        assertThat(report.info().reason()).isNull();
    }

    @Test
    void theRateFallsWhileNothingLeaves() {
        watch.look(500, at(1));
        long before = progress.bytesPerSecond();

        watch.look(500, at(2));

        assertThat(progress.bytesPerSecond()).isPositive().isLessThan(before);
    }
}
