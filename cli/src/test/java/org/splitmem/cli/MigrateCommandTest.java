package org.splitmem.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.model.MigrationPhase.ABORTED;
import static org.splitmem.model.MigrationPhase.DONE;
import static org.splitmem.model.MigrationPhase.FAILED_AFTER_HANDOVER;
import static org.splitmem.model.MigrationPhase.PLANNED;
import static org.splitmem.model.MigrationPhase.PRECOPY;
import static org.splitmem.model.MigrationPhase.READY;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.splitmem.cli.FakeDaemon.Reply;
import org.splitmem.cli.migration.MigrationRun;
import org.splitmem.model.Json;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;

@Timeout(30)
class MigrateCommandTest {
    private static final String MIGRATE = "migrate " + Infos.UUID + " qemu+tcp://10.78.0.2/system tcp://10.78.0.2";

    private final Cli cli = new Cli();
    private FakeDaemon daemon;

    @BeforeEach
    void start() throws IOException {
        daemon = new FakeDaemon()
                .on("GET /v1/hosts", Reply.ok(Infos.hosts()))
                .on("GET /v1/vms/vm1", Reply.ok(Infos.vm()))
                .on("POST /v1/vms/" + Infos.UUID + "/migrations", Reply.ok(Infos.migration(PLANNED)))
                .on("DELETE /v1/migrations/m1", Reply.ok(Infos.migration(ABORTED, "asked to")));
        phases(PRECOPY, READY, DONE);
    }

    @AfterEach
    void stop() throws IOException {
        daemon.close();
    }

    private void phases(MigrationPhase... phases) {
        Queue<MigrationPhase> left = new ConcurrentLinkedQueue<>(List.of(phases));
        daemon.on(
                "GET /v1/migrations/m1",
                body -> Reply.ok(Infos.migration(left.size() > 1 ? left.remove() : left.element(), "h3 died")));
    }

    private int migrate(String... options) {
        var args = new ArrayList<>(
                List.of("migrate", "vm1", "--socket", daemon.socket().toString()));
        args.addAll(List.of(options));
        return cli.run(args.toArray(String[]::new));
    }

    @Test
    void theOptionsBecomeTheRequest() {
        int status = migrate(
                "--to",
                "h2",
                "--budget",
                "128MiB",
                "--sub-host",
                "h3=384MiB",
                "--sub-host",
                "h4",
                "--streams",
                "4",
                "--bandwidth",
                "1Gbit",
                "--handover",
                "complete");

        assertThat(status).isZero();
        assertThat(daemon.requests())
                .contains("POST /v1/vms/" + Infos.UUID + "/migrations "
                        + "{\"destination\":\"h2\",\"budgetBytes\":134217728,"
                        + "\"subHosts\":[{\"host\":\"h3\",\"bytes\":402653184},{\"host\":\"h4\"}],"
                        + "\"streams\":4,\"bandwidthBytesPerSecond\":125000000,\"handover\":\"complete\"}");
        assertThat(cli.hypervisor.calls()).containsExactly(MIGRATE, "close");
    }

    @Test
    void toGatherIsToAllowAllOfItThere() {
        assertThat(migrate("--to", "h2", "--gather")).isZero();

        assertThat(daemon.requests())
                .contains("POST /v1/vms/" + Infos.UUID + "/migrations " + "{\"destination\":\"h2\",\"budgetBytes\":"
                        + Infos.vm().ramBytes() + ",\"subHosts\":[]}");
        assertThat(cli.out()).contains("splitmem gather vm1 --wait");
        assertThat(migrate("--to", "h2", "--gather", "--budget", "128MiB")).isEqualTo(2);
        assertThat(cli.err()).contains("not with --budget or --sub-host");
    }

    @Test
    void whoseSubHostsAreEmptiedIsSaid() {
        assertThat(migrate("--to", "h2", "--sub-host", "h5")).isZero();

        assertThat(cli.out()).contains("what h2, h3 have moves to its other sub-hosts: \"splitmem show vm1\" on h2");
    }

    @Test
    void withoutATerminalProgressIsLinesAndTheResultASentence() {
        assertThat(migrate("--to", "h2")).isZero();

        assertThat(cli.err().lines())
                .anyMatch(line -> line.startsWith("vm1 h1 -> h2  precopy round 2  61%"))
                .noneMatch(line -> line.contains("\033"));
        assertThat(cli.out()).hasLineCount(1).startsWith("vm1 runs on h2: 400.0 MiB sent");
    }

    @Test
    void onATerminalProgressIsABarOnOneLine() {
        cli.columns = 80;

        assertThat(migrate("--to", "h2")).isZero();

        assertThat(cli.err()).contains("\r\033[K", "[####").doesNotContain("\n");
    }

    @Test
    void quietShowsTheResultOnly() {
        assertThat(migrate("--to", "h2", "--quiet")).isZero();

        assertThat(cli.err()).isEmpty();
        assertThat(cli.out()).hasLineCount(1);
    }

    @Test
    void programsGetARecordOnEachLineTheLastBeingFinal() {
        assertThat(migrate("--to", "h2", "--json")).isZero();

        assertThat(cli.out().lines().map(line -> Json.read(line, MigrationInfo.class)))
                .extracting(MigrationInfo::phase)
                .startsWith(PLANNED)
                .endsWith(DONE);
        assertThat(cli.err()).isEmpty();
    }

    /** The VM has moved, but its source is not to be shut down: a script has to notice. */
    @Test
    void oneThatFailedAfterTheHandoverIsAFailureToo() {
        phases(PRECOPY, READY, FAILED_AFTER_HANDOVER);

        assertThat(migrate("--to", "h2", "--quiet")).isEqualTo(1);

        assertThat(cli.err()).isEqualTo("splitmem: migration m1 of vm1 failed after the handover: h3 died\n");
    }

    @Test
    void anAbortedMigrationIsAFailureWithItsReason() {
        phases(PRECOPY, ABORTED);

        assertThat(migrate("--to", "h2", "--quiet")).isEqualTo(1);

        assertThat(cli.err()).isEqualTo("splitmem: migration m1 of vm1 aborted: h3 died; the VM is still at h1\n");
    }

    @Test
    void aFailureOfLibvirtIsToldInItsWords() {
        cli.hypervisor.failing("libvirt, migrating to qemu+tcp://10.78.0.2/system: unsupported");
        phases(READY);

        assertThat(migrate("--to", "h2", "--quiet")).isEqualTo(1);

        assertThat(cli.err())
                .isEqualTo("splitmem: migration m1 of vm1 aborted: asked to"
                        + " (libvirt, migrating to qemu+tcp://10.78.0.2/system: unsupported); the VM is still at h1\n");
    }

    /** As that of a hook: libvirt shows the whole command. Why it failed is said at its end. */
    @Test
    void aLongFailureOfLibvirtIsToldOnce() {
        String error =
                "libvirt, migrating to h2 (qemu+tcp://10.78.0.2/system): " + "x".repeat(500) + ": curl: Empty reply";
        cli.hypervisor.failing(error);
        phases(READY);
        daemon.on(
                "DELETE /v1/migrations/m1",
                Reply.ok(Infos.migration(ABORTED, MigrationRun.reasonOf(error).text())));

        assertThat(migrate("--to", "h2", "--quiet")).isEqualTo(1);

        assertThat(cli.err())
                .startsWith(
                        "splitmem: migration m1 of vm1 aborted: aborted by splitmem migrate: libvirt, migrating to h2 (")
                .endsWith("xxx: curl: Empty reply; the VM is still at h1\n")
                .hasSizeLessThan(400);
    }

    @Test
    void aVmThatLibvirtHasMigratedAllTheSameIsNotSaidToBeAtItsSource() {
        phases(READY, ABORTED);

        assertThat(migrate("--to", "h2", "--quiet")).isEqualTo(1);

        assertThat(cli.err())
                .endsWith("; but libvirt says that it has migrated the VM to h2\n")
                .doesNotContain("still at");
    }

    @Test
    void nothingIsAskedForIfTheVmDoesNotRunHere() {
        cli.hypervisor.refusing("libvirt at qemu:///system: vm1 does not run");

        assertThat(migrate("--to", "h2")).isEqualTo(1);

        assertThat(cli.err()).isEqualTo("splitmem: libvirt at qemu:///system: vm1 does not run\n");
        assertThat(daemon.requests()).noneMatch(request -> request.startsWith("POST"));
    }

    @Test
    void nothingIsAskedForIfTheDestinationIsNotThere() {
        assertThat(migrate("--to", "h3")).isEqualTo(1);
        assertThat(migrate("--to", "h9")).isEqualTo(1);

        assertThat(cli.err().lines())
                .containsExactly(
                        "splitmem: h3 at 10.78.0.3:7779 is not reachable: connection refused",
                        "splitmem: no host h9: this host knows h2, h3 (peers in splitmem.conf, and those that nova-bridge told of)");
        assertThat(daemon.requests()).noneMatch(request -> request.startsWith("POST"));
    }

    @Test
    void libvirtMayBeReachedInAnotherWay() {
        assertThat(migrate("--to", "h2", "--libvirt-uri", "qemu+tls://{name}.example.org/system"))
                .isZero();

        assertThat(cli.hypervisor.calls())
                .first()
                .isEqualTo("migrate " + Infos.UUID + " qemu+tls://h2.example.org/system tcp://10.78.0.2");
    }
}
