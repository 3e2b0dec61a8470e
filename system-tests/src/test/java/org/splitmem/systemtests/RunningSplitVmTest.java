package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** What happens to daemons and networks under a running split VM stops its guest at most for a while, and costs no byte. */
@SystemTest
final class RunningSplitVmTest {
    private static final Duration LIMIT = SplitVm.LIMIT;
    private static final long MUCH = 8L << 20;

    private final Testbed bed;
    private Guest guest;

    RunningSplitVmTest(Testbed bed) {
        this.bed = bed;
    }

    @BeforeEach
    void split() {
        guest = SplitVm.of(bed, "running");
        // After a test in which h3 was away all of its pages may be elsewhere.
        Await.until(
                "h3 keeps pages of it", LIMIT, () -> guest.info().remoteBytes().getOrDefault("h3", 0L) >= MUCH);
    }

    @Test
    void theMainHostsDaemonIsKilledAndRestartedAgainAndAgain() {
        for (int i = 0; i < 3; i++) {
            bed.cluster().killDaemon(guest.host());
            bed.cluster().startDaemon(guest.host());
            guest.awaitSweeps(1, LIMIT);
        }

        guest.verifyAll();
        VmInfo info = guest.info();
        assertThat(info.state()).isEqualTo(VmState.SPLIT);
        assertThat(info.faults().pageIns()).isPositive();
    }

    @Test
    void theMainHostsDaemonIsDownUntilTheGuestStandsStill() {
        bed.cluster().killDaemon(guest.host());
        guest.awaitStandstill();

        bed.cluster().startDaemon(guest.host());

        guest.awaitProgress();
        guest.verifyAll();
    }

    @Test
    void aMemoryServersDaemonIsKilledAndRestartedAgainAndAgain() {
        for (int i = 0; i < 3; i++) {
            bed.cluster().killDaemon("h3");
            bed.cluster().startDaemon("h3");
            guest.awaitSweeps(1, LIMIT);
        }

        guest.verifyAll();
    }

    @Test
    void aMemoryServersDaemonIsDownUntilTheGuestStandsStill() {
        bed.cluster().killDaemon("h3");
        guest.awaitStandstill();

        bed.cluster().startDaemon("h3");

        guest.awaitProgress();
        guest.verifyAll();
    }

    @Test
    void aMemoryServersDaemonHangsUntilTheGuestStandsStill() {
        bed.cluster().pauseDaemon("h3");
        guest.awaitStandstill();

        bed.cluster().continueDaemon("h3");

        guest.awaitProgress();
        guest.verifyAll();
    }

    @Test
    void theNetworkToAMemoryServerIsCutUntilTheGuestStandsStill() {
        bed.cluster().cutNetwork("h3");
        guest.awaitStandstill();

        bed.cluster().mendNetwork("h3");

        guest.awaitProgress();
        guest.verifyAll();
    }

    @Test
    void allDaemonsAreKilledAtOnce() {
        Set.of("h1", "h2", "h3", "h4").forEach(bed.cluster()::killDaemon);

        bed.cluster().repair();

        guest.awaitProgress();
        guest.verifyAll();
    }

    @Test
    void itsMainHostMovesOnAndBackWhileItsSubHostsStay() {
        for (int i = 0; i < 2; i++) {
            MigrationInfo migration = bed.cli(guest.host()).migrate(guest, other(), LIMIT);

            assertThat(migration.pages().subHosts()).containsOnlyKeys("h3", "h4");
            assertThat(migration.pages().subHosts().get("h3")).isPositive();
            guest.verifyAll();
            guest.awaitSweeps(1, LIMIT);
        }

        assertThat(guest.info().state()).isEqualTo(VmState.SPLIT);
        bed.requireNothingElse(guest);
    }

    private String other() {
        return guest.host().equals("h1") ? "h2" : "h1";
    }

    @Test
    void itMovesOnAndIsWhole() {
        bed.cli(guest.host()).migrate(guest, other(), LIMIT, "--gather");

        guest.awaitState(VmState.LOCAL, LIMIT);
        guest.verifyAll();
        bed.requireNothingElse(guest);
    }

    @Test
    void itMovesOnAndHasAnotherSubHost() {
        bed.cli(guest.host()).migrate(guest, other(), LIMIT, "--sub-host", "h4", "--sub-host", "h5");

        awaitSubHosts("h4", "h5");
        guest.verifyAll();
        bed.requireNothingElse(guest);
        bed.cli(guest.host())
                .require("move-pages", guest.name(), "--from", "h5", "--to", "h3", "--wait"); // as the others want it
    }

    @Test
    void itMovesToItsOwnSubHostAndBack() {
        String before = guest.host();

        bed.cli(before).migrate(guest, "h3", LIMIT, "--sub-host", "h4", "--sub-host", "h5");

        awaitSubHosts("h4", "h5");
        guest.verifyAll();
        bed.requireNothingElse(guest);

        bed.cli("h3").migrate(guest, before, LIMIT, "--sub-host", "h4", "--sub-host", "h3"); // as the others want it

        awaitSubHosts("h3", "h4");
        guest.verifyAll();
        bed.requireNothingElse(guest);
    }

    private void awaitSubHosts(String... hosts) {
        Await.until(
                "its sub-hosts are " + String.join(" and ", hosts),
                LIMIT,
                () -> guest.info().reservedBytes().keySet().equals(Set.of(hosts)));
        assertThat(guest.info().state()).isEqualTo(VmState.SPLIT);
    }

    @Test
    void itMovesToItsOwnSubHostAndIsWholeThere() {
        String before = guest.host();

        bed.cli(before).migrate(guest, "h3", LIMIT, "--gather");

        guest.awaitState(VmState.LOCAL, LIMIT);
        guest.verifyAll();
        bed.requireNothingElse(guest);
        bed.cli("h3").migrate(guest, before, LIMIT);
    }

    @Test
    void itDoesNotMoveToItsOwnSubHostIfNobodyTakesWhatThatKeeps() {
        Job.Result result = bed.cli(guest.host()).run("migrate", guest.name(), "--to", "h3");

        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.err()).contains("name others as well");
        guest.awaitProgress();
        assertThat(guest.info().state()).isEqualTo(VmState.SPLIT);
    }

    @Test
    void virshMovesItOnToo() {
        String to = other();

        Job.Result result =
                bed.cluster().virsh(guest.host(), "migrate", "--live", "--p2p", guest.name(), Cluster.libvirtUri(to));

        assertThat(result.exitCode()).as(result.err()).isZero();
        guest.isAt(to);
        guest.awaitState(VmState.SPLIT, LIMIT);
        guest.verifyAll();
        bed.requireNothingElse(guest);
    }

    @Test
    void aSmallerBudgetIsReachedByPageOut() {
        VmInfo before = guest.info();

        VmInfo answer = bed.cli(guest.host()).budget(guest.name(), "96MiB");

        assertThat(answer.budgetBytes()).isEqualTo(96L << 20);
        Await.value("it is within its budget", LIMIT, guest::info, info -> info.residentBytes() <= 100L << 20);
        guest.verifyAll();
        bed.cli(guest.host()).budget(guest.name(), Long.toString(before.budgetBytes()));
    }

    @Test
    void theWholeRamAsItsBudgetMakesItLocalAndFreesTheSubHosts() {
        bed.cli(guest.host()).budget(guest.name(), "256MiB");

        guest.awaitState(VmState.LOCAL, LIMIT);
        guest.verifyAll();
        assertThat(guest.info().remoteBytes()).isEmpty();
        bed.requireNothingElse(guest);
    }

    @Test
    void destroyedWhileItsDaemonIsDownItLeavesNothingOnceThatIsBack() {
        Guest other = bed.boot(Guest.Spec.named("orphan"), "h1");
        SplitVm.split(bed, other, "h2");
        bed.cluster().killDaemon("h2");

        other.destroy();
        bed.cluster().startDaemon("h2");

        guest.awaitProgress();
        bed.requireNothingElse(guest);
    }

    @Test
    void destroyedWhileASubHostIsDownItLeavesNothingOnceThatIsBack() {
        Guest other = bed.boot(Guest.Spec.named("orphan"), "h1");
        SplitVm.split(bed, other, "h2");
        bed.cluster().killDaemon("h4");

        other.destroy();
        bed.cluster().startDaemon("h4");

        guest.awaitProgress();
        bed.requireNothingElse(guest);
    }
}
