package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** A VM that is whole becomes split on the host where it runs, and whole again, while its guest verifies each byte. */
@SystemTest
final class SplitInPlaceTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final long BUDGET = 128L << 20;
    private static final String[] PLAN = {"--budget", "128MiB", "--sub-host", "h3", "--sub-host", "h4"};

    private final Testbed bed;

    SplitInPlaceTest(Testbed bed) {
        this.bed = bed;
    }

    private static void awaitWithinBudget(Guest guest) {
        Await.value("it is within its budget", LIMIT, guest::info, info -> info.residentBytes() <= BUDGET + (4L << 20));
    }

    /** Its RAM is in two backends. */
    @Test
    void itIsSplitAndGatheredWhereItRunsAndSplitOnceMore() {
        Guest guest = bed.boot(Guest.Spec.named("stays").vcpus(2).numaCells(2), "h1");
        long epoch = guest.info().epoch();

        for (int time = 1; time <= 2; time++) {
            VmInfo answer = bed.cli("h1").split(guest.name(), PLAN);

            assertThat(answer.state()).isEqualTo(VmState.SPLIT);
            assertThat(answer.epoch()).isEqualTo(epoch + time);
            awaitWithinBudget(guest);
            guest.verifyAll();
            assertThat(guest.info().remoteBytes()).containsOnlyKeys("h3", "h4");
            assertThat(guest.info().faults().pageOuts()).isPositive();
            assertThat(guest.info().faults().pageIns()).isPositive();
            if (time == 1) {
                bed.cli("h1").gather(guest.name());
                assertThat(guest.info().state()).isEqualTo(VmState.LOCAL);
                guest.verifyAll();
                bed.requireNothingElse(guest);
            }
        }
        bed.requireNothingElse(guest);
    }

    /** A sub-host goes, a new one comes, and the one that went comes back for another; daemons are killed meanwhile. */
    @Test
    void itsSubHostsAreReplacedWhileItsGuestWrites() {
        Guest guest = bed.boot(Guest.Spec.named("moved").vcpus(2), "h1");
        bed.cli("h1").split(guest.name(), PLAN);
        awaitWithinBudget(guest);

        bed.cli("h1").require("move-pages", guest.name(), "--from", "h3", "--to", "h5", "--wait");

        assertThat(guest.info().remoteBytes()).containsOnlyKeys("h4", "h5");
        assertThat(guest.info().remoteBytes().get("h5")).isPositive();
        assertThat(guest.info().moves()).isEmpty();
        guest.verifyAll();

        bed.cli("h1").require("move-pages", guest.name(), "--from", "h4", "--to", "h3", "--bandwidth", "16MiB/s");
        Await.value(
                "some have moved",
                LIMIT,
                guest::info,
                info -> info.remoteBytes().getOrDefault("h3", 0L) > 0);
        bed.cluster().killDaemon("h4");
        bed.cluster().killDaemon("h1");
        bed.cluster().startDaemon("h4");
        bed.cluster().startDaemon("h1");

        Await.value(
                "h4 is empty", LIMIT, guest::info, info -> !info.remoteBytes().containsKey("h4"));
        guest.verifyAll();
        assertThat(guest.info().remoteBytes()).containsOnlyKeys("h3", "h5");
        assertThat(guest.info().state()).isEqualTo(VmState.SPLIT);

        Job.Result refused = bed.cli("h1").run("move-pages", guest.name(), "--from", "h3");
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.err()).contains("name others with --to");
        bed.cli("h1").gather(guest.name());
        guest.verifyAll();
        bed.requireNothingElse(guest);
    }

    /** By the word of any host; what was said outlives daemons. */
    @Test
    void aSubHostIsDrainedAndAnotherLendsLessWhileItsGuestWrites() {
        Guest guest = bed.boot(Guest.Spec.named("drained").vcpus(2), "h1");
        bed.cli("h1").split(guest.name(), PLAN);
        awaitWithinBudget(guest);
        try {
            bed.cli("h2").require("drain", "h3", "--to", "h5", "--wait");

            assertThat(guest.info().remoteBytes()).containsOnlyKeys("h4", "h5");
            assertThat(guest.info().remoteBytes().get("h5")).isPositive();
            guest.verifyAll();
            bed.cluster().killDaemon("h3");
            bed.cluster().startDaemon("h3");
            Job.Result refused = bed.cli("h1").run("move-pages", guest.name(), "--from", "h4", "--to", "h3");
            assertThat(refused.exitCode()).isEqualTo(1);
            assertThat(refused.err()).contains("splitmem drain h3 --cancel");
            assertThat(bed.cli("h1").require("hosts")).contains("draining");
            bed.cli("h1").require("drain", "h3", "--cancel");

            bed.cli("h2").require("lend", "h5", "0", "--to", "h3");
            bed.cluster().killDaemon("h5");
            bed.cluster().killDaemon("h1");
            bed.cluster().startDaemon("h1");
            bed.cluster().startDaemon("h5");
            bed.cli("h2").require("lend", "h5", "--wait");

            assertThat(guest.info().remoteBytes()).containsOnlyKeys("h3", "h4");
            assertThat(guest.info().state()).isEqualTo(VmState.SPLIT);
            guest.verifyAll();
        } finally { // they are other tests' hosts, too
            bed.cli("h1").run("drain", "h3", "--cancel");
            bed.cli("h1").run("lend", "h5", "--configured");
        }
        bed.cli("h1").gather(guest.name());
        guest.verifyAll();
        bed.requireNothingElse(guest);
    }

    @Test
    void daemonsThatAreKilledMeanwhileLeaveItWholeOrSplit() {
        Guest guest = bed.boot(Guest.Spec.named("killed"), "h1");
        bed.cluster().pauseDaemon("h4");
        try (Job split = bed.cli("h1")
                .start("split", guest.name(), "--budget", "128MiB", "--sub-host", "h3", "--sub-host", "h4")) {
            Await.until("h3 has reserved", LIMIT, () -> hasStore("h3", guest));

            bed.cluster().killDaemon("h1");
            bed.cluster().continueDaemon("h4");

            assertThat(split.await(LIMIT).succeeded()).isFalse();
        }
        bed.cluster().startDaemon("h1");
        guest.awaitState(VmState.LOCAL, LIMIT);
        bed.requireNothingElse(guest);
        guest.verifyAll();

        bed.cli("h1").split(guest.name(), PLAN);
        bed.cluster().killDaemon("h1");
        bed.cluster().startDaemon("h1");
        guest.awaitState(VmState.SPLIT, LIMIT);
        awaitWithinBudget(guest);
        guest.verifyAll();
    }

    /** Looked for in its files: who asks a daemon about hosts waits for the one that hangs. */
    private boolean hasStore(String host, Guest guest) {
        String store = "/var/lib/splitmem/mem/stores/" + guest.uuid();
        return bed.cluster().lines(host, "find", "/var/lib/splitmem/mem/stores").contains(store);
    }

    @Test
    void whatCannotBeIsRefusedAndTheVmStaysWhole() {
        Guest guest = bed.boot(Guest.Spec.named("refused"), "h1");

        for (String[] wrong : new String[][] {
            {"8MiB", "h3", "the least that a VM can run with"},
            {"256MiB", "h3", "leaves nothing of the VM's 256.0 MiB RAM"},
            {"128MiB", "h1", "cannot be a sub-host of its own VM"},
            {"128MiB", "h3=32MiB", "the sub-hosts' shares add up to 32.0 MiB"},
            {"128MiB", "h3=64TiB", "host h3 refused"},
        }) {
            Job.Result result = bed.cli("h1").run("split", guest.name(), "--budget", wrong[0], "--sub-host", wrong[1]);

            assertThat(result.exitCode()).as(wrong[2]).isEqualTo(1);
            assertThat(result.err()).contains(wrong[2]);
            assertThat(guest.info().state()).isEqualTo(VmState.LOCAL);
        }
        Job.Result gathered = bed.cli("h1").run("gather", guest.name());
        assertThat(gathered.exitCode()).isEqualTo(1);
        assertThat(gathered.err()).contains("is whole on this host: nothing of it is elsewhere");
        bed.requireNothingElse(guest);
        guest.verifyAll();
    }

    /** Its data would come into pages that are elsewhere by then: QEMU's mapping, by which that would show, is not asked. */
    @Test
    void aDiskWithDirectIoThatIsPluggedInMakesItWholeAgain() throws IOException {
        Guest guest = bed.boot(Guest.Spec.named("pluggedinto"), "h1");
        bed.cli("h1").split(guest.name(), PLAN);
        awaitWithinBudget(guest);
        Path disk = bed.cluster().file("direct-io-later.img");
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.setLength(16 << 20);
        }

        Job.Result attached = bed.cluster()
                .virsh("h1", "attach-disk", guest.name(), disk.toString(), "vdz", "--cache", "none", "--live");

        assertThat(attached.exitCode()).as(attached.err()).isZero();
        guest.awaitState(VmState.LOCAL, LIMIT);
        assertThat(Cluster.read(bed.cluster().daemonLog("h1")))
                .contains("a device was plugged in that forbids a split")
                .contains("is gathered on this host: block libvirt-");
        guest.verifyAll();
        bed.requireNothingElse(guest);
        Files.delete(disk);
    }
}
