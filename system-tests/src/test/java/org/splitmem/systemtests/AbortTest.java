package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmState;

/** A migration can be aborted in every phase before handover; then the guest runs on as if there had been none. */
@SystemTest
final class AbortTest {
    private static final Duration LIMIT = Duration.ofSeconds(90);
    private static final MigrationRequest SPLIT =
            new MigrationRequest("h2", 128L << 20, List.of(new SubHostShare("h3", null)), null, null, null);

    private final Testbed bed;
    private final Migrations migrations;
    private Guest guest;

    AbortTest(Testbed bed) {
        this.bed = bed;
        this.migrations = new Migrations(bed.cluster(), "h1");
    }

    @BeforeEach
    void boot() {
        guest = bed.shared(Guest.Spec.named("aborted").workload("mb=120 hot=0.02 sweep=2"), "h1");
    }

    @Test
    void whilePlanned() {
        bed.cluster().pauseDaemon("h3"); // which is asked for its reservation
        String id = start(SPLIT);

        MigrationInfo before = bed.cluster().control("h1").migration(id);
        bed.cli("h1").abort(guest.name());

        assertThat(before.phase()).isEqualTo(MigrationPhase.PLANNED);
        awaitAborted();
        bed.cluster().continueDaemon("h3");
        runsOn();
    }

    @Test
    void duringPreCopy() {
        long start = System.currentTimeMillis();
        try (Job job = slowMigration()) {
            migrations.awaitCopying(guest, start);

            MigrationInfo answer = bed.cli("h1").abort(guest.name());

            Job.Result result = job.await(LIMIT);
            assertThat(answer.name()).isEqualTo(guest.name());
            assertThat(result.exitCode()).isEqualTo(1);
            assertThat(result.err()).contains("aborted by the operator").contains("the VM is still at h1");
        }
        runsOn();
    }

    @Test
    void byInterruptingTheCliDuringPreCopy() {
        long start = System.currentTimeMillis();
        try (Job job = slowMigration()) {
            migrations.awaitCopying(guest, start);

            Cluster.signal("INT", job.pid());

            Job.Result result = job.await(LIMIT);
            assertThat(result.exitCode()).isNotZero();
            assertThat(result.err()).contains("the VM is still at h1");
        }
        awaitAborted();
        runsOn();
    }

    @Test
    void whenReady() {
        abortWhenReady();

        runsOn();
    }

    private String abortWhenReady() {
        String id = start(SPLIT);
        migrations.awaitPhase(guest, MigrationPhase.READY, LIMIT);
        bed.cli("h1").abort(id);
        awaitAborted();
        return id;
    }

    /** This test's first look at READY is as good as a client's: it may call libvirt from then on. */
    @Test
    void theCallOfLibvirtThatWasMadeForItBeginsNoOther() {
        String id = abortWhenReady();

        Job.Result late =
                bed.cluster().virsh("h1", "migrate", "--live", "--p2p", guest.name(), Cluster.libvirtUri("h2"));

        assertThat(late.exitCode()).isEqualTo(1);
        assertThat(late.err()).contains(id).contains("has been aborted: aborted by the operator");
        awaitAborted();
        runsOn();
    }

    /** The hypervisor's own stream, which is small, is made to take seconds; the memory is as fast as ever. */
    @Test
    void duringTheSwitchOver() {
        Guest idle = bed.boot(Guest.Spec.named("switching").workload("mb=120 idle=1 sweep=2"), "h1");
        bed.cluster().control("h1").migrate(idle.name(), SPLIT);
        migrations.awaitPhase(idle, MigrationPhase.READY, LIMIT);
        bed.cluster().slowQemuMigration("h1");
        try (Job virsh =
                bed.cluster().startVirsh("h1", "migrate", "--live", "--p2p", idle.name(), Cluster.libvirtUri("h2"))) {
            migrations.awaitPhase(idle, MigrationPhase.SWITCHOVER, LIMIT);

            bed.cli("h1").abort(idle.name());

            migrations.await(idle, "is aborted", LIMIT, info -> info.phase() == MigrationPhase.ABORTED);
            bed.cluster().mendQemuMigration("h1");
            assertThat(virsh.await(LIMIT).succeeded()).isFalse();
        }
        idle.awaitState(VmState.LOCAL, LIMIT);
        bed.requireNothingElse(guest, idle);
        idle.verifyAll();
    }

    @Test
    void isRefusedOnceItIsOver() {
        String id = start(SPLIT);
        bed.cli("h1").abort(id);
        awaitAborted();

        MigrationInfo again = bed.cli("h1").abort(id);
        Job.Result unknown = bed.cli("h1").run("abort", "no-such-migration");

        assertThat(again.phase()).isEqualTo(MigrationPhase.ABORTED);
        assertThat(unknown.exitCode()).isEqualTo(1);
        assertThat(unknown.err()).contains("no migration with the id no-such-migration");
        runsOn();
    }

    @Test
    void aSecondMigrationOfTheSameVmIsRefusedAndTheFirstGoesOn() {
        long start = System.currentTimeMillis();
        try (Job first = slowMigration()) {
            migrations.awaitCopying(guest, start);

            Job.Result second = bed.cli("h1").run("migrate", guest.name(), "--to", "h4");

            assertThat(second.exitCode()).isEqualTo(1);
            assertThat(second.err()).contains("is migrating already, to h2");
            assertThat(first.isRunning()).isTrue();
            assertThat(migrations.newest(guest).phase().isOver()).isFalse();
            bed.cli("h1").abort(guest.name());
            first.await(LIMIT);
        }
        runsOn();
    }

    private String start(MigrationRequest request) {
        ControlClient control = bed.cluster().control("h1");
        return control.migrate(guest.name(), request).id();
    }

    private Job slowMigration() {
        return bed.cli("h1")
                .startMigration(guest, "h2", "--budget", "128MiB", "--sub-host", "h3", "--bandwidth", "15MiB/s");
    }

    private void awaitAborted() {
        migrations.await(guest, "is aborted", LIMIT, info -> info.phase() == MigrationPhase.ABORTED);
    }

    private void runsOn() {
        guest.awaitState(VmState.LOCAL, LIMIT);
        bed.requireNothingElse(guest);
        guest.verifyAll();
    }
}
