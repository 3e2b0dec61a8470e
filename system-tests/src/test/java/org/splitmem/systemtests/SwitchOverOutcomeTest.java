package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmState;

/**
 * Where a guest is after a migration that nobody sees it resume from: it was paused, saved or destroyed meanwhile. Its memory is
 * where it is, whole, and nowhere else.
 */
@SystemTest
final class SwitchOverOutcomeTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final long MIB = 1L << 20;
    private static final String[] SPLIT = {"--budget", "128MiB", "--sub-host", "h3"};
    private static final MigrationRequest REQUEST =
            new MigrationRequest("h2", 128 * MIB, List.of(new SubHostShare("h3", null)), null, null, null);

    private final Testbed bed;
    private final Migrations migrations;

    SwitchOverOutcomeTest(Testbed bed) {
        this.bed = bed;
        this.migrations = new Migrations(bed.cluster(), "h1");
    }

    private Guest boot(String name) {
        return bed.boot(Guest.Spec.named(name).workload("mb=144 hot=0.1 sweep=2"), "h1");
    }

    @Test
    void aPausedGuestMigratesAndIsSavedThereWithAllItsMemory() throws Exception {
        Guest guest = boot("paused");
        virsh("h1", "suspend", guest.name());

        bed.cli("h1").migrate(guest, "h2", LIMIT, SPLIT);

        assertThat(state(guest)).isEqualTo("paused");
        guest.awaitState(VmState.SPLIT, LIMIT);
        saveAndRestore(guest);
        virsh("h2", "resume", guest.name());
        isWhole(guest);
    }

    @Test
    void aGuestThatIsPausedInPreCopyIsPausedAtTheDestination() {
        Guest guest = boot("pausing");
        long start = System.currentTimeMillis();
        try (Job job = bed.cli("h1").startMigration(guest, "h2", with("--bandwidth", "30MiB/s"))) {
            migrations.awaitCopying(guest, start);

            virsh("h1", "suspend", guest.name());

            assertThat(job.await(LIMIT).exitCode()).isZero();
        }
        guest.isAt("h2");
        assertThat(state(guest)).isEqualTo("paused");
        virsh("h2", "resume", guest.name());
        isWhole(guest);
    }

    /** QEMU reports it as it reports a migration to another host. */
    @Test
    void aGuestThatIsSavedWhenItsMigrationIsReadyIsInTheFile() throws Exception {
        Guest guest = boot("saved");
        bed.cluster().control("h1").migrate(guest.name(), REQUEST);
        migrations.awaitPhase(guest, MigrationPhase.READY, LIMIT);
        Path file = bed.cluster().file("guest/saved.save");
        try {
            save(guest, file);

            MigrationInfo ended = migrations.await(
                    guest, "is over", LIMIT, info -> info.phase().isOver());
            assertThat(ended.phase()).isEqualTo(MigrationPhase.ABORTED);
            assertThat(ended.vmEnded()).isTrue();
            assertThat(ended.reason()).contains("has ended on h1: the VM was shut off, destroyed or saved");
            bed.requireNothingElse();
            virsh("h1", "restore", file.toString());
        } finally {
            Files.deleteIfExists(file);
        }
        isWhole(guest);
    }

    @Test
    void aGuestThatIsDestroyedInTheSwitchOverIsNowhere() {
        Guest guest = boot("destroyed");
        bed.cluster().slowQemuMigration("h1");
        try (Job job = bed.cli("h1").startMigration(guest, "h2", SPLIT)) {
            migrations.awaitPhase(guest, MigrationPhase.SWITCHOVER, LIMIT);

            guest.end();

            Job.Result result = job.await(LIMIT);
            assertThat(result.exitCode()).isEqualTo(1);
            assertThat(result.err()).contains("has ended on h1").doesNotContain("still at", "runs on");
        }
        bed.cluster().mendQemuMigration("h1");
        MigrationInfo ended = migrations.newest(guest);
        assertThat(ended.phase()).isEqualTo(MigrationPhase.ABORTED);
        assertThat(ended.vmEnded()).isTrue();
        bed.requireNothingElse();
    }

    /** QEMU would put a userfaultfd of its own over RAM that has splitmemd's; the destination's notices first, and ends. */
    @Test
    void aMigrationForWhichLibvirtIsAskedForPostCopyEndsAndTheGuestStays() {
        Guest guest = boot("postcopy");
        bed.cluster().control("h1").migrate(guest.name(), REQUEST);
        migrations.awaitPhase(guest, MigrationPhase.READY, LIMIT);

        Job.Result asked = bed.cluster()
                .virsh("h1", "migrate", "--live", "--p2p", "--postcopy", guest.name(), Cluster.libvirtUri("h2"));

        assertThat(asked.exitCode()).isNotZero();
        MigrationInfo ended =
                migrations.await(guest, "is over", LIMIT, info -> info.phase().isOver());
        assertThat(ended.phase()).isEqualTo(MigrationPhase.ABORTED);
        assertThat(ended.vmEnded()).isNotEqualTo(true);
        guest.verifyAll();
        guest.awaitState(VmState.LOCAL, LIMIT);
        bed.requireNothingElse(guest);
    }

    private static String[] with(String... more) {
        String[] all = new String[SPLIT.length + more.length];
        System.arraycopy(SPLIT, 0, all, 0, SPLIT.length);
        System.arraycopy(more, 0, all, SPLIT.length, more.length);
        return all;
    }

    private void isWhole(Guest guest) {
        guest.awaitProgress();
        guest.verifyAll();
        bed.requireNothingElse(guest);
    }

    private void saveAndRestore(Guest guest) throws IOException {
        Path file = bed.cluster().file("guest/" + guest.name() + ".save");
        try {
            save(guest, file);
            virsh(guest.host(), "restore", file.toString());
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** With the memory that its workload uses. */
    private void save(Guest guest, Path file) throws IOException {
        virsh(guest.host(), "save", guest.name(), file.toString());
        assertThat(Files.size(file)).as("bytes of %s", file).isGreaterThan(144 * MIB);
    }

    private String state(Guest guest) {
        return virsh(guest.host(), "domstate", guest.name()).strip();
    }

    private String virsh(String host, String... arguments) {
        Job.Result result = bed.cluster().virsh(host, arguments);
        assertThat(result.exitCode())
                .as("virsh %s: %s", List.of(arguments), result.err())
                .isZero();
        return result.out();
    }
}
