package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.SeededTest;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;

class TaskMakerTest {
    private static final long GIB = 1L << 30;
    private static final long RAM = 8 * GIB;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final MigrationConfig config = new MigrationConfig(4, 1_000_000, 3, 100, 4096, 8);
    private final TaskMaker maker =
            new TaskMaker(new PeerHosts.Peer("h1", "127.0.0.1", 7780), new FakePeers("h2", "h3", "h4", "h5"), config);
    private FakeShim shim;
    private Vm vm;
    private int splits;

    @BeforeEach
    void start() throws IOException {
        shim = new FakeShim(TestVms.UUID_OF_VM);
        vm = TestVms.attached(directory.path(), TestVms.record("db1", VmRecord.Phase.LOCAL, RAM), shim);
    }

    @AfterEach
    void end() {
        shim.close();
    }

    private static MigrationRequest to(String destination, Long budget, SubHostShare... shares) {
        return new MigrationRequest(destination, budget, List.of(shares), null, null, null);
    }

    private static SubHostShare share(String host, Long bytes) {
        return new SubHostShare(host, bytes);
    }

    private void assertRefused(Vm which, MigrationRequest request, int status, String code, String says) {
        RefusedException refusal = catchThrowableOfType(RefusedException.class, () -> maker.make(which, request));

        assertThat(refusal).as(code).isNotNull();
        assertThat(refusal.code()).isEqualTo(code);
        assertThat(refusal.refusal().status()).isEqualTo(status);
        assertThat(refusal).hasMessageContaining(says);
    }

    private void assertInvalid(MigrationRequest request, String code, String says) {
        assertRefused(vm, request, 400, code, says);
    }

    @Test
    void everyChoiceLeftOpenIsMade() throws Exception {
        MigrationTask task = maker.make(vm, to("h2", 2 * GIB, share("h3", null), share("h4", null)));

        assertThat(task.destination().name()).isEqualTo("h2");
        assertThat(task.budgetBytes()).isEqualTo(2 * GIB);
        assertThat(task.subHostPages()).hasSize(2);
        long forSubHosts = (6 * GIB + MigrationTask.headroomBytes(2 * GIB)) / 4096;
        assertThat(task.subHostPages()[0] + task.subHostPages()[1]).isBetween(forSubHosts, forSubHosts + 2);
        assertThat(task.epoch()).isEqualTo(6);
        assertThat(task.streams()).isEqualTo(4);
        assertThat(task.bandwidthBytesPerSecond()).isEqualTo(1_000_000);
        assertThat(task.handover()).isEqualTo(Handover.HYBRID);
        assertThat(task.source().reservedBytes()).isEqualTo(RAM);
        assertThat(task.lenders().get(0).token())
                .hasSize(64)
                .isNotEqualTo(task.lenders().get(1).token())
                .isNotEqualTo(task.source().token());
    }

    @Test
    void whatTheRequestSaysIsTaken() throws Exception {
        MigrationTask task = maker.make(
                vm, new MigrationRequest("h2", 2 * GIB, List.of(share("h3", 7 * GIB)), 16, 500L, Handover.COMPLETE));

        assertThat(task.subHostPages()).containsExactly(7 * GIB / 4096);
        assertThat(task.streams()).isEqualTo(16);
        assertThat(task.bandwidthBytesPerSecond()).isEqualTo(500);
        assertThat(task.handover()).isEqualTo(Handover.COMPLETE);
    }

    @Test
    void withoutABudgetEverythingGoesToTheDestinationAlone() throws Exception {
        for (Long budget : new Long[] {null, RAM, 2 * RAM}) {
            MigrationTask task = maker.make(vm, to("h2", budget, share("h3", null)));

            assertThat(task.budgetBytes()).isEqualTo(RAM);
            assertThat(task.lenders()).isEmpty();
        }
    }

    @Test
    void aPlanThatMakesNoSenseIsRefusedWithItsReason() {
        assertInvalid(to("h1", null), "same-host", "VM db1 is on h1 already");
        assertInvalid(to("h2", GIB), "no-sub-hosts", "leaves 7.0 GiB");
        assertInvalid(to("h2", 1L, share("h3", null)), "budget-too-small", "16.0 MiB");
        assertInvalid(to("h2", GIB, share("h3", 6 * GIB)), "plan-does-not-fit", "add up to 6.0 GiB, but 7.0 GiB");
        assertInvalid(to("h2", GIB, share("h1", null)), "source-as-sub-host", "h1");
        SubHostShare[] tooMany =
                IntStream.range(0, 17).mapToObj(i -> share("s" + i, GIB)).toArray(SubHostShare[]::new);
        assertInvalid(to("h2", GIB, tooMany), "too-many-sub-hosts", "these would be 17");
    }

    @Test
    void aHostThatNobodyConfiguredIsRefused() {
        assertRefused(vm, to("h9", null), 404, "host-not-found", "h9");
        assertRefused(vm, to("h2", GIB, share("h8", null)), 404, "host-not-found", "h8");
    }

    @Test
    void onlyAVmThatRunsHereCanGo() throws Exception {
        for (VmRecord.Phase phase : VmRecord.Phase.values()) {
            String code = switch (phase) {
                case LOCAL -> "";
                case PAGED -> "vm-not-attached";
                case INCOMING -> "vm-incoming";
                case LEAVING, LEFT -> "vm-left";
            };
            if (!code.isEmpty()) {
                Vm other = TestVms.vm(directory.resolve(phase.toString()), TestVms.record("db1", phase, RAM));

                assertRefused(other, to("h2", null), 409, code, "VM db1");
            }
        }
    }

    @Test
    void aVmWhoseQemuIsNotConnectedIsRefused() throws Exception {
        Vm gone = TestVms.vm(directory.resolve("gone"), TestVms.record("db2", VmRecord.Phase.LOCAL, RAM));
        Vm unmapped =
                TestVms.attached(directory.resolve("unmapped"), TestVms.record("db3", VmRecord.Phase.LOCAL, 0), shim);

        assertRefused(gone, to("h2", null), 409, "vm-not-attached", "db2");
        assertRefused(unmapped, to("h2", null), 409, "vm-not-attached", "db3");
    }

    private static VmRecord.Lender lent(String host, long bytes) {
        return new VmRecord.Lender(host, "127.0.0.1", 7780, "token of " + host, bytes + MigrationTask.SLACK_BYTES);
    }

    /** One of 8 GiB that is split, with 2 GiB here. */
    private Vm split(VmRecord.Lender... lenders) throws IOException {
        VmRecord whole = TestVms.record("db4", VmRecord.Phase.PAGED, RAM);
        VmRecord record = TestVms.withBudget(TestVms.lentBy(whole, List.of(lenders)), 2 * GIB);
        return TestVms.attached(directory.resolve("split" + splits++), record, shim);
    }

    @Test
    void aSplitVmMovesItsMainHostAndKeepsItsSubHostsUnderTokensThatAreNew() throws Exception {
        Vm split = split(lent("h3", 4 * GIB), lent("h4", 3 * GIB));

        MigrationTask task = maker.make(split, to("h2", null));

        assertThat(task.isSplit()).isTrue();
        assertThat(task.budgetBytes()).isEqualTo(2 * GIB);
        assertThat(task.subHosts()).as("that are to reserve").isEmpty();
        assertThat(task.lenders()).extracting(VmRecord.Lender::host).containsExactly("h3", "h4");
        assertThat(task.lenders())
                .allMatch(lender -> lender.is(VmRecord.Lender.Stage.SHARED))
                .extracting(VmRecord.Lender::token)
                .doesNotContain("token of h3", "token of h4")
                .doesNotHaveDuplicates();
    }

    @Test
    void aSplitVmDoesNotMoveToItsOnlySubHostIfNobodyElseTakesWhatThatKeeps() throws Exception {
        Vm split = split(lent("h3", 6 * GIB));

        assertRefused(split, to("h3", null), 400, "plan-does-not-fit", "name others as well");
    }

    /** What is about to go elsewhere is a third one's by the time that the destination asks for it. */
    @Test
    void aSplitVmDoesNotMoveWhileOneOfItsSubHostsIsEmptied() throws Exception {
        Vm leaving = split(lent("h3", 6 * GIB), lent("h4", 6 * GIB).leaving(null));
        assertRefused(leaving, to("h2", null), 409, "being-emptied", "splitmem move-pages db4 --from h4 --cancel");

        Vm coming = split(lent("h3", 6 * GIB), lent("h4", 6 * GIB).coming());
        assertRefused(coming, to("h2", null), 409, "being-emptied", "h4");

        Vm gone = split(lent("h3", 6 * GIB), lent("h4", 6 * GIB).gone());
        assertThat(maker.make(gone, to("h2", null)).budgetBytes()).isEqualTo(2 * GIB);
    }

    /** What is over the budget could go nowhere. */
    @Test
    void aBudgetForWhichTheSubHostsHaveNotReservedEnoughIsRefused() throws Exception {
        Vm split = split(
                lent("h3", 4 * GIB), lent("h4", 3 * GIB - 4096), lent("h5", GIB).gone());

        assertRefused(
                split,
                to("h2", GIB),
                400,
                "plan-does-not-fit",
                "a budget of 1.0 GiB leaves 7.0 GiB of the VM's 8.0 GiB RAM to the sub-hosts that it keeps");
        assertThat(maker.make(split, to("h2", GIB + 4096)).budgetBytes()).isEqualTo(GIB + 4096);
        assertThat(maker.make(split, to("h2", RAM)).budgetBytes()).isEqualTo(RAM);
    }

    @SeededTest(runs = 50)
    void budgetAndSharesAlwaysHoldTheWholeVm(long seed) throws Exception {
        Random random = new Random(seed);
        long budget = (16L << 20) + (long) (random.nextDouble() * RAM);
        List<SubHostShare> shares = new ArrayList<>();
        for (String host : List.of("h3", "h4", "h5").subList(0, 1 + random.nextInt(3))) {
            shares.add(share(host, random.nextBoolean() ? null : 1 + (long) (random.nextDouble() * RAM)));
        }
        try {
            MigrationTask task = maker.make(vm, to("h2", budget, shares.toArray(SubHostShare[]::new)));

            long pages = task.budgetBytes() / 4096;
            for (long share : task.subHostPages()) {
                pages += share;
            }
            assertThat(pages).isGreaterThanOrEqualTo(RAM / 4096);
        } catch (RefusedException e) {
            assertThat(e.code()).isEqualTo("plan-does-not-fit");
        }
    }
}
