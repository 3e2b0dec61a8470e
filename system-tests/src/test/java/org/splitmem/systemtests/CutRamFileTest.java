package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.model.VmState;

/** A QEMU that cuts its RAM file short loses its own VM: the daemon, and the other VMs that it pages, go on. */
@SystemTest
final class CutRamFileTest {
    private static final Duration LIMIT = SplitVm.LIMIT;

    private final Testbed bed;
    private Guest bystander;
    private Guest hostile;
    private long daemon;

    CutRamFileTest(Testbed bed) {
        this.bed = bed;
    }

    @BeforeEach
    void boot() {
        bystander = bed.shared(Guest.Spec.named("bystander"), "h1");
        if (bystander.info().state() == VmState.LOCAL) {
            bed.cli("h1").split(bystander.name(), "--budget", "128MiB", "--sub-host", "h3");
        }
        hostile = bed.boot(Guest.Spec.named("hostile"), "h1");
        daemon = bed.cluster().pid("h1", "splitmemd");
    }

    @AfterEach
    void theOtherGoesOn() {
        hostile.destroy();
        assertThat(bed.cluster().pid("h1", "splitmemd")).isEqualTo(daemon);
        bystander.awaitProgress();
        bystander.verifyAll();
        assertThat(bystander.info().state()).isEqualTo(VmState.SPLIT);
    }

    /** Its vCPUs stand still, so that QEMU itself does not end at once by what it has done. */
    private void cut() {
        assertThat(bed.cluster().virsh("h1", "suspend", hostile.name()).succeeded())
                .isTrue();
        String ram = "/var/lib/splitmem/mem/vms/" + hostile.uuid() + "/ram0";
        assertThat(bed.cluster().exec("h1", "truncate", "--size", "1MiB", ram).succeeded())
                .isTrue();
    }

    @Test
    void whileItIsPaged() {
        bed.cli("h1").split(hostile.name(), "--budget", "192MiB", "--sub-host", "h3");
        cut();

        bed.cli("h1").budget(hostile.name(), "64MiB");

        Await.until(
                "its page-outs end",
                LIMIT,
                () -> Cluster.read(bed.cluster().daemonLog("h1"))
                        .contains("the RAM file of backend 0 has been cut short by its QEMU: 1048576 B instead of "));
    }

    @Test
    void whileItMigrates() {
        cut();

        try (Job job = bed.cli("h1").startMigration(hostile, "h2", "--budget", "128MiB", "--sub-host", "h3")) {
            Job.Result result = job.await(LIMIT);

            assertThat(result.exitCode()).isNotZero();
            assertThat(result.err()).contains("the RAM file of backend 0 has been cut short by its QEMU");
        }
    }
}
