package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationPhase;

class MigrationReportTest {
    private static final long RAM = 64L << 20;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Vm vm;

    @BeforeEach
    void begin() throws IOException {
        vm = TestVms.vm(directory.path(), TestVms.record("db1", VmRecord.Phase.LOCAL, RAM));
    }

    private MigrationReport planned() {
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
        return new MigrationReport(vm, task, "h1", new Progress());
    }

    /** By a way that the table allows. */
    private MigrationReport in(MigrationPhase phase) {
        MigrationReport report = planned();
        for (MigrationPhase next : MigrationPhase.values()) {
            boolean isOnTheWay = !next.isOver() && next.compareTo(phase) <= 0;
            if (next != MigrationPhase.PLANNED && (isOnTheWay || next == phase)) {
                report.entered(next, "as it goes");
            }
        }
        return report;
    }

    @ParameterizedTest
    @EnumSource
    void itEntersWhatItsPhaseLeadsToAndNothingElse(MigrationPhase from) {
        for (MigrationPhase to : MigrationPhase.values()) {
            MigrationReport report = in(from);
            assertThat(report.info().phase()).isEqualTo(from);
            if (from.leadsTo(to)) {
                report.entered(to, "a test");
                assertThat(report.info().phase()).isEqualTo(to);
            } else {
                assertThatIllegalStateException()
                        .isThrownBy(() -> report.entered(to, "a test"))
                        .withMessage("migration m1 of VM " + vm.uuid() + ": " + from + " -> " + to + " (a test)");
                assertThat(report.info().phase()).isEqualTo(from);
            }
        }
    }

    @Test
    void whoWasToldThatLibvirtMayBeAskedMayHaveAskedIt() {
        MigrationReport told = in(MigrationPhase.READY);
        assertThat(told.info().letsHypervisorStart()).isTrue();
        assertThat(told.isLateCall("h2")).as("it goes on").isFalse();
        told.entered(MigrationPhase.ABORTED, "a test");
        assertThat(told.isLateCall("h3")).as("another destination").isFalse();
        assertThat(told.isLateCall("h2")).isTrue();

        MigrationReport untold = in(MigrationPhase.PRECOPY);
        assertThat(untold.info().letsHypervisorStart()).isFalse();
        untold.entered(MigrationPhase.ABORTED, "a test");
        assertThat(untold.isLateCall("h2")).isFalse();
    }

    @Test
    void whyItWasGivenUpIsSaid() {
        MigrationReport report = in(MigrationPhase.HANDOVER);
        assertThat(report.info().reason()).isNull();

        report.entered(MigrationPhase.ABORTED, "the guest is resumed here");

        assertThat(report.info().reason()).isEqualTo("the guest is resumed here");
        assertThat(report.info().finishedAtMs()).isNotNull();
    }
}
