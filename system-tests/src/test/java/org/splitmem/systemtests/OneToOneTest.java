package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.VmState;

/** Migrations without sub-hosts, by our CLI and by libvirt's. */
@SystemTest
final class OneToOneTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final Testbed bed;

    OneToOneTest(Testbed bed) {
        this.bed = bed;
    }

    @Test
    void aWholeVmArrivesIsLocalAgainAndMigratesBack() {
        Guest guest = bed.boot(Guest.Spec.named("whole"), "h1");

        MigrationInfo there = bed.cli("h1").migrate(guest, "h2", LIMIT);
        guest.awaitState(VmState.LOCAL, LIMIT);
        guest.verifyAll();
        MigrationInfo back = bed.cli("h2").migrate(guest, "h1", LIMIT);
        guest.awaitState(VmState.LOCAL, LIMIT);
        guest.verifyAll();

        assertThat(there.pages().main() + there.pages().zero()).isEqualTo(256 * 256);
        assertThat(there.pages().subHosts()).isEmpty();
        assertThat(there.downtimeMs()).isPositive();
        assertThat(back.downtimeMs()).isPositive();
        assertThat(bed.cli("h1").show("whole").epoch()).isEqualTo(3);
        bed.requireNothingElse(guest);
    }

    @Test
    void virshMigratesASplitReadyVmWithoutAPlan() {
        Guest guest = bed.boot(Guest.Spec.named("plain"), "h1");

        Job.Result result = migrateByVirsh(guest, "h2");

        assertThat(result.exitCode()).as(result.err()).isZero();
        guest.isAt("h2");
        guest.awaitState(VmState.LOCAL, LIMIT);
        guest.verifyAll();
        bed.requireNothingElse(guest);
    }

    /** Idle: before 9.0, QEMU's own migration loses writes of an emulated guest that is busy (QEMU's commit 03bfc2188f). */
    @Test
    void virshMigratesAnOrdinaryVmAsIfWeWereNotThere() {
        Guest guest = bed.boot(Guest.Spec.named("ordinary").ordinary().workload("mb=64 idle=1 sweep=2"), "h1");
        assertThat(bed.cli("h1").vms()).isEmpty();

        Job.Result result = migrateByVirsh(guest, "h2");

        assertThat(result.exitCode()).as(result.err()).isZero();
        guest.isAt("h2");
        guest.verifyAll();
        assertThat(guest.isRunningOn("h2")).isTrue();
        assertThat(bed.cli("h2").vms()).isEmpty();
    }

    @Test
    void virshIsRefusedInOneClearLineWhenTheDestinationHasNoDaemonAndTheGuestRunsOn() {
        Guest guest = bed.boot(Guest.Spec.named("alone"), "h1");
        bed.cluster().stopDaemon("h2");

        Job.Result result = migrateByVirsh(guest, "h2");

        assertThat(result.exitCode()).isNotZero();
        assertThat(result.err()).contains("splitmem: migrate begin of domain alone: splitmemd does not answer");
        guest.awaitProgress();
        assertThat(guest.info().state()).isEqualTo(VmState.LOCAL);
        bed.cluster().startDaemon("h2");
        bed.requireNothingElse(guest);
        guest.verifyAll();
    }

    @Test
    void anOrdinaryVmMigratesToAHostWithoutOurDaemon() {
        Guest guest = bed.boot(Guest.Spec.named("nodaemon").ordinary().workload("mb=64 idle=1 sweep=2"), "h1");
        bed.cluster().stopDaemon("h2");

        Job.Result result = migrateByVirsh(guest, "h2");

        assertThat(result.exitCode()).as(result.err()).isZero();
        guest.isAt("h2");
        guest.verifyAll();
    }

    private Job.Result migrateByVirsh(Guest guest, String to) {
        return bed.cluster().virsh(guest.host(), "migrate", "--live", "--p2p", guest.name(), Cluster.libvirtUri(to));
    }
}
