package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.VmState;

/** Whatever breaks before handover: the migration aborts cleanly, and the guest runs on at its source. */
@SystemTest
final class PreCopyFaultTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);

    private static final String NIGHTLY = "as aSubHostHangs, which is in the short set; it takes two minutes";

    private final Testbed bed;
    private final Migrations migrations;
    private Guest guest;

    PreCopyFaultTest(Testbed bed) {
        this.bed = bed;
        this.migrations = new Migrations(bed.cluster(), "h1");
    }

    @BeforeEach
    void boot() {
        guest = bed.shared(Guest.Spec.named("faults").workload("mb=120 hot=0.02 sweep=2"), "h1");
    }

    @Test
    void aSubHostDies() {
        String error = failsWhen(() -> bed.cluster().killDaemon("h3"));

        assertThat(error).contains("h3").contains("the VM is still at h1");
        bed.cluster().startDaemon("h3");
        runsOn();
    }

    @Test
    void aSubHostHangs() {
        String error = failsWhen(() -> bed.cluster().pauseDaemon("h3"));

        assertThat(error).contains("h3").contains("the VM is still at h1");
        bed.cluster().continueDaemon("h3");
        runsOn();
    }

    @Test
    void theDestinationDies() {
        String error = failsWhen(() -> bed.cluster().killDaemon("h2"));

        assertThat(error).contains("h2").contains("the VM is still at h1");
        bed.cluster().startDaemon("h2");
        runsOn();
    }

    @Test
    @EnabledIfSystemProperty(named = "splitmem.nightly", matches = "true", disabledReason = NIGHTLY)
    void theDestinationHangs() {
        String error = failsWhen(() -> bed.cluster().pauseDaemon("h2"));

        assertThat(error).contains("h2").contains("the VM is still at h1");
        bed.cluster().continueDaemon("h2");
        runsOn();
    }

    @Test
    @EnabledIfSystemProperty(named = "splitmem.nightly", matches = "true", disabledReason = NIGHTLY)
    void aSubHostIsCutOff() {
        String error = failsWhen(() -> bed.cluster().cutNetwork("h3"));

        assertThat(error).contains("h3").contains("the VM is still at h1");
        bed.cluster().mendNetwork("h3");
        runsOn();
    }

    /** With nobody left to drive it the migration ends; the guest never waits for the daemon. */
    @Test
    void theSourcesDaemonDies() {
        long start = System.currentTimeMillis();
        try (Job job = slowMigration()) {
            migrations.awaitCopying(guest, start);

            bed.cluster().killDaemon("h1");
            guest.verifyAll();
            bed.cluster().startDaemon("h1");

            assertThat(job.await(LIMIT).exitCode()).isEqualTo(1);
        }
        runsOn();
        bed.cli("h1").migrate(guest, "h2", LIMIT);
        guest.awaitState(VmState.LOCAL, LIMIT);
        bed.cli("h2").migrate(guest, "h1", LIMIT);
        runsOn();
    }

    @Test
    void theDestinationHasNoLibvirt() {
        bed.cluster().killLibvirt("h2");

        String error = fails();

        assertThat(error).contains("the VM is still at h1");
        runsOn();
    }

    /** Libvirt refuses a domain whose name another one has. */
    @Test
    void theDestinationRunsAnotherDomainOfThatName() {
        Guest other = bed.start(Guest.Spec.named(guest.name()).ordinary().files("namesake"), "h2");

        String error = fails();

        assertThat(error).contains("the VM is still at h1").contains(guest.name());
        assertThat(other.isRunningOn("h2")).isTrue();
        other.destroy();
        runsOn();
    }

    /** QEMU's own stream is slow enough for it to be found before. */
    @Test
    void theDestinationsQemuDiesBeforeItRuns() {
        bed.cluster().slowQemuMigration("h1");
        try (Job job = bed.cli("h1").startMigration(guest, "h2", "--budget", "128MiB", "--sub-host", "h3")) {
            List<Long> incoming = Await.value(
                    "its QEMU on h2", LIMIT, () -> bed.cluster().qemus("h2", guest), qemus -> !qemus.isEmpty());
            Cluster.signal("KILL", incoming.get(0));

            Job.Result result = job.await(LIMIT);
            assertThat(result.exitCode()).as(result.err()).isEqualTo(1);
            assertThat(result.err()).contains("the VM is still at h1");
        } finally {
            bed.cluster().mendQemuMigration("h1");
        }
        runsOn();
    }

    /** As after a wrong --xml: the stream has the state of a device that the QEMU over there does not have. */
    @Test
    void theDestinationsQemuRefusesTheStream() {
        Guest odd = bed.boot(Guest.Spec.named("odd"), "h1");
        Job.Result added = bed.cluster()
                .virsh("h1", "qemu-monitor-command", odd.name(), "--hmp", "device_add virtio-rng-pci,id=odd");
        assertThat(added.out().strip()).isEmpty();

        try (Job job = bed.cli("h1").startMigration(odd, "h2", "--budget", "128MiB", "--sub-host", "h3")) {
            Job.Result result = job.await(LIMIT);
            assertThat(result.exitCode()).as(result.err()).isEqualTo(1);
            assertThat(result.err()).contains("the VM is still at h1");
        }

        odd.awaitState(VmState.LOCAL, LIMIT);
        bed.requireNothingElse(odd, guest);
        odd.verifyAll();
    }

    // ---- steps

    private Job slowMigration() {
        return bed.cli("h1")
                .startMigration(guest, "h2", "--budget", "128MiB", "--sub-host", "h3", "--bandwidth", "15MiB/s");
    }

    /** @return what the CLI said at its end */
    private String failsWhen(Runnable fault) {
        long start = System.currentTimeMillis();
        try (Job job = slowMigration()) {
            migrations.awaitCopying(guest, start);
            fault.run();
            return failed(job);
        }
    }

    private String fails() {
        try (Job job = bed.cli("h1").startMigration(guest, "h2", "--budget", "128MiB", "--sub-host", "h3")) {
            return failed(job);
        }
    }

    private String failed(Job job) {
        Job.Result result = job.await(LIMIT);
        assertThat(result.exitCode()).as(result.err()).isEqualTo(1);
        MigrationInfo last = migrations.newest(guest);
        assertThat(last.phase()).isEqualTo(MigrationPhase.ABORTED);
        guest.awaitProgress();
        return result.err();
    }

    private void runsOn() {
        guest.awaitState(VmState.LOCAL, LIMIT);
        assertThat(guest.isRunningOn("h1")).isTrue();
        bed.cluster().repair();
        bed.requireNothingElse(guest);
        guest.verifyAll();
    }
}
