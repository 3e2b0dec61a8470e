package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.VmState;

/** What cannot work is refused before anything moves, in one line that says why. The guest does not notice. */
@SystemTest
final class RefusalTest {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    private final Testbed bed;
    private Guest guest;

    RefusalTest(Testbed bed) {
        this.bed = bed;
    }

    @BeforeEach
    void boot() {
        guest = bed.shared(Guest.Spec.named("refused"), "h1");
    }

    @Test
    void aSubHostThatHasNotEnoughToLend() {
        String error = refused("h2", "--budget", "128MiB", "--sub-host", "h3=9GiB");

        assertThat(error).contains("h3").contains("8589934592 B");
        nothingMoved();
    }

    @Test
    void aSubHostWhoseDaemonIsDown() {
        bed.cluster().stopDaemon("h3");

        String error = refused("h2", "--budget", "128MiB", "--sub-host", "h3");

        assertThat(error).contains("h3").contains("does not answer");
        nothingMoved();
    }

    @Test
    void aDestinationWhoseDaemonIsDown() {
        bed.cluster().stopDaemon("h2");

        String error = refused("h2", "--budget", "128MiB", "--sub-host", "h3");

        assertThat(error).contains("h2").contains("not reachable");
        assertThat(bed.cluster().control("h1").migrations())
                .noneMatch(m -> !m.phase().isOver());
    }

    @Test
    void aDestinationThatNobodyKnows() {
        assertThat(refused("h9")).contains("no host h9").contains("h2");
    }

    @Test
    void aSubHostThatNobodyKnows() {
        assertThat(refused("h2", "--budget", "128MiB", "--sub-host", "h9"))
                .contains("h9")
                .contains("peers");
    }

    @Test
    void aVmThatNobodyKnows() {
        Job.Result result = bed.cli("h1").run("migrate", "nobody", "--to", "h2");

        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.err()).contains("nobody");
    }

    @Test
    void aVmThatIsNotSplitReady() {
        Guest ordinary = bed.boot(Guest.Spec.named("notready").ordinary().workload("mb=16 idle=1"), "h1");

        Job.Result result = bed.cli("h1").run("migrate", ordinary.name(), "--to", "h2");

        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.err()).contains("no split-ready VM \"notready\"");
    }

    @Test
    void sharesThatDoNotMakeUpForTheBudget() {
        assertThat(refused("h2", "--budget", "128MiB", "--sub-host", "h3=64MiB"))
                .contains("128.0 MiB");
    }

    @Test
    void aBudgetWithoutASubHost() {
        assertThat(refused("h2", "--budget", "128MiB")).contains("none was named");
    }

    @Test
    void theSourceAsItsOwnSubHost() {
        assertThat(refused("h2", "--budget", "128MiB", "--sub-host", "h1")).contains("h1");
    }

    @Test
    void theHostItIsOnAlready() {
        assertThat(refused("h1")).contains("h1");
    }

    /** The hook has read the domain's XML when it started: only QEMU knows what was plugged in since. */
    @Test
    void aDiskWithDirectIoThatWasPluggedInWhileItRuns() throws IOException {
        Guest plugged = bed.boot(Guest.Spec.named("plugged"), "h1");
        Path disk = bed.cluster().file("direct-io.img");
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.setLength(16 << 20);
        }
        Job.Result attached = bed.cluster()
                .virsh("h1", "attach-disk", plugged.name(), disk.toString(), "vdz", "--cache", "none", "--live");
        assertThat(attached.exitCode()).as(attached.err()).isZero();

        for (String[] command : new String[][] {
            {"split", plugged.name(), "--budget", "128MiB", "--sub-host", "h3"},
            {"migrate", plugged.name(), "--to", "h2", "--budget", "128MiB", "--sub-host", "h3"},
        }) {
            Job.Result result = bed.cli("h1").run(command);

            assertThat(result.exitCode()).isEqualTo(1);
            assertThat(result.err())
                    .contains("VM plugged cannot be split or split-migrated as it is on h1: block libvirt-")
                    .contains("reads past the page cache write guest RAM by DMA");
        }
        assertThat(plugged.info().state()).isEqualTo(VmState.LOCAL);
        plugged.verifyAll();
        Files.delete(disk);
    }

    /** @return what the CLI said */
    private String refused(String to, String... options) {
        try (Job job = bed.cli("h1").startMigration(guest, to, options)) {
            Job.Result result = job.await(LIMIT);
            assertThat(result.exitCode()).as(result.err()).isEqualTo(1);
            assertThat(result.err().strip())
                    .startsWith("splitmem: ")
                    .doesNotContain("\n")
                    .doesNotContain("Exception");
            guest.awaitProgress();
            assertThat(guest.info().state()).isEqualTo(VmState.LOCAL);
            return result.err();
        }
    }

    private void nothingMoved() {
        MigrationInfo last = new Migrations(bed.cluster(), "h1").newest(guest);
        assertThat(last.phase()).isEqualTo(MigrationPhase.ABORTED);
        assertThat(last.bytesDone()).isZero();
    }
}
