package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.VmState;

/** After handover the guest runs at the destination, with pages still to come: these faults make it wait, and lose nothing. */
@SystemTest
final class HandoverFaultTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);

    private final Testbed bed;
    private final Migrations migrations;

    HandoverFaultTest(Testbed bed) {
        this.bed = bed;
        this.migrations = new Migrations(bed.cluster(), "h1");
    }

    /** It writes so much that a lot is left when it is switched over. */
    private Guest busy(String name) {
        return bed.boot(Guest.Spec.named(name).workload("mb=144 hot=0.7 sweep=2"), "h1");
    }

    private Job migrate(Guest guest) {
        return bed.cli("h1")
                .startMigration(guest, "h2", "--budget", "192MiB", "--sub-host", "h3", "--bandwidth", "20MiB/s");
    }

    private MigrationInfo awaitHandover(Guest guest) {
        return migrations.await(
                guest, "is handed over", LIMIT, info -> !info.phase().canAbort());
    }

    @Test
    void theSourcesDaemonDies() {
        Guest guest = busy("leaving");
        try (Job job = migrate(guest)) {
            MigrationInfo info = awaitHandover(guest);
            assertThat(info.phase()).as("too late for this test").isEqualTo(MigrationPhase.HANDOVER);

            bed.cluster().killDaemon("h1");
            bed.cluster().startDaemon("h1");

            job.await(LIMIT);
        }
        guest.isAt("h2");
        arrives(guest);
    }

    @Test
    void theDestinationsDaemonDies() {
        Guest guest = busy("arriving");
        try (Job job = migrate(guest)) {
            MigrationInfo info = awaitHandover(guest);
            assertThat(info.phase()).as("too late for this test").isEqualTo(MigrationPhase.HANDOVER);

            bed.cluster().killDaemon("h2");
            bed.cluster().startDaemon("h2");

            assertThat(job.await(LIMIT).exitCode()).isZero();
        }
        guest.isAt("h2");
        arrives(guest);
    }

    @Test
    void itCannotBeAbortedAnyMore() {
        Guest guest = busy("gone");
        try (Job job = migrate(guest)) {
            MigrationInfo info = awaitHandover(guest);
            assertThat(info.phase()).as("too late for this test").isEqualTo(MigrationPhase.HANDOVER);

            Job.Result refused = bed.cli("h1").run("abort", guest.name());

            assertThat(refused.exitCode()).isEqualTo(1);
            assertThat(refused.err()).contains("handed over");
            assertThat(job.await(LIMIT).exitCode()).isZero();
        }
        guest.isAt("h2");
        arrives(guest);
    }

    /** As a high-availability manager would, or an operator: its former RAM is what the guest's last pages still come from. */
    @Test
    void itIsNotStartedAgainWhereItsLastPagesAre() throws IOException {
        Guest guest = busy("again");
        Path second = bed.cluster().file("guest/again-second.xml"); // with a console of its own
        Files.writeString(second, Cluster.read(guest.xml()).replace("again.log", "again-second.log"));
        try (Job job = migrate(guest)) {
            MigrationInfo info = awaitHandover(guest);
            assertThat(info.phase()).as("too late for this test").isEqualTo(MigrationPhase.HANDOVER);
            Await.until("libvirt has ended it on h1", LIMIT, () -> !guest.isKnownOn("h1"));

            Job.Result refused = bed.cluster().virsh("h1", "create", second.toString());

            assertThat(refused.succeeded()).isFalse();
            assertThat(refused.err()).contains("has migrated away, and its new host still fetches pages from here");
            assertThat(job.await(LIMIT).exitCode()).isZero();
        }
        guest.isAt("h2");
        arrives(guest);
    }

    private void arrives(Guest guest) {
        guest.awaitProgress();
        guest.verifyAll();
        guest.awaitState(VmState.SPLIT, LIMIT);
        bed.requireNothingElse(guest);
        guest.verifyAll();
    }
}
