package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.SplitDefinitions;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;

/** VMs that are expected to start, as far as that goes without one: the simulations have those that come. */
class ExpectedSplitsTest {
    private static final long RAM = 64L << 20;
    private static final UUID VM = TestVms.UUID_OF_VM;
    private static final SplitRequest HALF = within(RAM / 2);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakePeers peers = new FakePeers("h2", "h3", "h4");
    private MigrationService migrations;
    private VmRegistry vms;
    private SplitDefinitions definitions;
    private ExpectedSplits expected;
    private SplitStarts starts;

    @BeforeEach
    void start() throws IOException {
        definitions = new SplitDefinitions(directory.resolve("splits"));
        vms = new VmRegistry(directory.resolve("vms"), TestVms.config(), directory.path(), definitions);
        vms.recover(found -> {}, takenUp -> {});
        migrations = TestMigrations.service(directory, vms, peers);
        expected = load();
        starts = new SplitStarts(vms, definitions, expected, migrations, new GuestRoom(vms, () -> Long.MAX_VALUE));
    }

    private ExpectedSplits load() throws IOException {
        return new ExpectedSplits(
                new ExpectationFile(directory.resolve("expected.json")), definitions, 600_000, vms, migrations);
    }

    @AfterEach
    void end() {
        peers.answer();
        vms.stop();
    }

    private static SplitRequest within(long budget) {
        return new SplitRequest(
                "db1", RAM, budget, List.of(new SubHostShare("h3", null), new SubHostShare("h4", null)));
    }

    private String refusal(SplitRequest request) {
        RefusedException refusal = catchThrowableOfType(RefusedException.class, () -> expected.request(VM, request));
        assertThat(refusal).as("%s", request).isNotNull();
        return refusal.code();
    }

    @Test
    void itsSubHostsReserveAtOnceAndTheNextDaemonExpectsItToo() throws Exception {
        Expected answer = expected.request(VM, HALF);

        assertThat(peers.asked()).containsExactly("reserve h3", "reserve h4");
        assertThat(answer.budgetBytes()).isEqualTo(RAM / 2);
        assertThat(load().all()).containsExactly(answer);
    }

    @Test
    void askingAgainGivesItNewTimeAndAskingForSomethingElseReplacesIt() throws Exception {
        Expected first = expected.request(VM, HALF);
        Expected again = expected.request(VM, HALF);

        assertThat(again.lenders()).isEqualTo(first.lenders());
        assertThat(again.untilMs()).isGreaterThanOrEqualTo(first.untilMs());
        assertThat(peers.asked()).hasSize(2);

        Expected other = expected.request(VM, within(RAM / 4));

        assertThat(peers.asked().subList(2, 6)).containsExactly("release h3", "release h4", "reserve h3", "reserve h4");
        assertThat(expected.all()).containsExactly(other);
        assertThat(other.lenders()).doesNotContainAnyElementsOf(first.lenders());
    }

    @Test
    void aHostThatRefusesEndsItAndNothingStaysReserved() {
        peers.refuse("h4");

        assertThat(refusal(HALF)).isEqualTo("failed");

        assertThat(expected.all()).isEmpty();
        assertThat(peers.asked()).containsExactly("reserve h3", "reserve h4", "release h3", "release h4");
    }

    @Test
    void whatMakesNoSenseIsRefusedBeforeAnybodyIsAsked() {
        assertThat(refusal(within(RAM))).isEqualTo("budget-too-large");
        assertThat(refusal(within(1 << 20))).isEqualTo("budget-too-small");
        assertThat(refusal(new SplitRequest(null, RAM, RAM / 2, HALF.subHosts())))
                .isEqualTo("vm-not-found");
        assertThat(refusal(new SplitRequest("db1", null, RAM / 2, HALF.subHosts())))
                .isEqualTo("vm-not-found");

        assertThat(peers.asked()).isEmpty();
        assertThat(expected.all()).isEmpty();
    }

    @Test
    void takenBackItLeavesNothing() throws Exception {
        expected.request(VM, HALF);

        starts.forget(VM);

        assertThat(expected.all()).isEmpty();
        assertThat(load().all()).isEmpty();
        assertThat(peers.asked()).endsWith("release h3", "release h4");
        assertThat(catchThrowableOfType(RefusedException.class, () -> starts.forget(VM))
                        .code())
                .isEqualTo("not-expected");
    }

    /** A memory server that has waited for long asks before it frees what nobody has adopted. */
    @Test
    void whatSubHostsKeepIsWantedAsLongAsItIsExpectedAlsoByTheNextDaemon() throws Exception {
        assertThat(expected.wantsStores(VM)).isFalse();

        expected.request(VM, HALF);

        assertThat(expected.wantsStores(VM)).isTrue();
        assertThat(load().wantsStores(VM)).isTrue();
        assertThat(expected.wantsStores(new UUID(0, 1))).isFalse();

        starts.forget(VM);

        assertThat(expected.wantsStores(VM)).isFalse();
    }

    /** Whoever asks need not know how far it has come. */
    @Test
    void whatSubHostsKeepIsWantedAlsoWhileOneThatIsNotExpectedIsBeingSplit() throws Exception {
        Vm vm = vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, RAM));
        Claims.Claim claim = migrations.claims().claim(vm.uuid(), "db1", Claims.Purpose.SPLIT);

        assertThat(expected.wantsStores(VM)).isTrue();

        claim.close();
        assertThat(expected.wantsStores(VM)).isFalse();
    }

    private void sweep(long laterS) {
        expected.sweep(System.nanoTime() + TimeUnit.SECONDS.toNanos(laterS));
    }

    /** True while something that a sweep began goes on. */
    private static boolean isAtWork() {
        return Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().equals("expected-" + VM));
    }

    @Test
    void oneThatDoesNotComeIsDroppedInTime() throws Exception {
        expected.request(VM, HALF);

        sweep(590);
        Await.until("what the sweep began is done", () -> !isAtWork());
        assertThat(expected.all()).hasSize(1);

        Await.until("it is not expected any more", () -> {
            sweep(601);
            return expected.all().isEmpty();
        });
        Await.until("h4 was told", () -> peers.asked().contains("release h4"));
        assertThat(peers.asked()).contains("release h3");
    }

    @Test
    void oneThatIsPagedAlreadyWasForgottenTooLate() throws Exception {
        Expected one = expected.request(VM, HALF);
        VmRecord record = TestVms.record("db1", VmRecord.Phase.PAGED, RAM);
        Vm vm = vms.prepare(TestVms.lentBy(record, one.lenders()));

        load().found(vm);

        assertThat(load().all()).isEmpty();
        assertThat(peers.asked()).noneMatch(asked -> asked.startsWith("release"));
    }
}
