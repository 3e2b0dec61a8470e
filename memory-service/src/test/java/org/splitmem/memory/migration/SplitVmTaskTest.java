package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRecord.Lender;
import org.splitmem.memory.vm.VmRecord.Lender.Stage;
import org.splitmem.model.MigrationKind;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;

/** Which sub-hosts a VM has, before and after, that is split already. */
class SplitVmTaskTest {
    private static final long GIB = 1L << 30;
    private static final long RAM = 8 * GIB;
    private static final Lender GONE = lender("h9", 0).gone();
    private static final Lender ON_H3 = lender("h3", 4 * GIB);
    private static final Lender ON_H4 = lender("h4", 4 * GIB);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final MigrationConfig config = TestMigrations.CONFIG;
    private final TaskMaker maker = new TaskMaker(
            new PeerHosts.Peer("h1", "127.0.0.1", 7780), new FakePeers("h1", "h2", "h3", "h4", "h5", "h6"), config);
    private FakeShim shim;
    private Vm vm;

    private static Lender lender(String host, long bytes) {
        return new Lender(host, "10.0.0.1", 7780, "t-" + host, bytes + MigrationTask.SLACK_BYTES);
    }

    @BeforeEach
    void start() throws IOException {
        shim = new FakeShim(TestVms.UUID_OF_VM);
        vm = split(GONE, ON_H3, ON_H4);
    }

    private Vm split(Lender... lenders) throws IOException {
        VmRecord record = new VmRecord(
                TestVms.UUID_OF_VM, "db1", VmRecord.Phase.PAGED, List.of(RAM), 5, GIB, List.of(lenders), null, 0, null);
        return TestVms.attached(directory.path(), record, shim);
    }

    @AfterEach
    void end() {
        shim.close();
    }

    private static MigrationRequest to(String destination, SubHostShare... shares) {
        return new MigrationRequest(destination, null, List.of(shares), null, 500L, null);
    }

    private static SubHostShare on(String host) {
        return new SubHostShare(host, null);
    }

    private void assertRefused(MigrationRequest request, String code, String says) {
        RefusedException refusal = catchThrowableOfType(RefusedException.class, () -> maker.make(vm, request));

        assertThat(refusal).as(code).isNotNull();
        assertThat(refusal.code()).isEqualTo(code);
        assertThat(refusal).hasMessageContaining(says);
    }

    @Test
    void itKeepsAllIfNoneIsNamed() throws Exception {
        MigrationTask task = maker.make(vm, to("h2"));

        assertThat(task.lenders()).extracting(Lender::stage).containsExactly(Stage.GONE, Stage.SHARED, Stage.SHARED);
        assertThat(task.lenders().get(1).token()).hasSize(64).isNotEqualTo(ON_H3.token());
        assertThat(task.subHosts()).isEmpty();
        assertThat(task.budgetBytes()).isEqualTo(GIB);
    }

    @Test
    void itHasExactlyThoseThatAreNamed() throws Exception {
        MigrationTask task = maker.make(vm, to("h2", on("h3"), on("h5"), new SubHostShare("h6", GIB)));

        assertThat(task.lenders()).extracting(Lender::host).containsExactly("h5", "h3", "h4", "h6");
        assertThat(task.lenders())
                .extracting(Lender::stage)
                .containsExactly(null, Stage.SHARED, Stage.SHARED_LEAVING, null);
        assertThat(task.lenders().get(2).moveRate()).isEqualTo(500);
        assertThat(task.subHosts().keySet()).containsExactly(0, 3);
        assertThat(task.subHosts().get(0).name()).isEqualTo("h5");
        assertThat(task.subHosts().get(3).name()).isEqualTo("h6");
        long room =
                task.lenders().get(0).reservedBytes() + task.lenders().get(3).reservedBytes();
        assertThat(room).as("what h3 does not keep").isGreaterThanOrEqualTo(RAM - GIB - 4 * GIB);
    }

    @Test
    void thoseThatItKeepsMayBeEnough() throws Exception {
        vm = split(lender("h3", 7 * GIB), ON_H4);

        MigrationTask task = maker.make(vm, to("h2", on("h3")));

        assertThat(task.subHosts()).isEmpty();
        assertThat(task.lenders()).extracting(Lender::stage).containsExactly(Stage.SHARED, Stage.SHARED_LEAVING);
    }

    @Test
    void itSaysWhatItChanges() throws Exception {
        MigrationRequest all = new MigrationRequest("h2", RAM, List.of(), null, 500L, null);

        assertThat(maker.make(vm, to("h2")).splitKind()).isEqualTo(MigrationKind.PARTIAL);
        assertThat(maker.make(vm, to("h2", on("h3"), on("h5"))).splitKind()).isEqualTo(MigrationKind.N_TO_M);
        assertThat(maker.make(vm, all).splitKind()).isEqualTo(MigrationKind.GATHER);
        vm = split(lender("h3", 7 * GIB), ON_H4);
        assertThat(maker.make(vm, to("h2", on("h3"))).splitKind())
                .as("h4 is emptied")
                .isEqualTo(MigrationKind.N_TO_M);
    }

    @Test
    void whatMakesNoSenseIsRefusedWithItsReason() {
        assertRefused(to("h2", on("h3")), "plan-does-not-fit", "which have reserved 4.0 GiB: name others as well");
        assertRefused(to("h2", new SubHostShare("h5", GIB)), "plan-does-not-fit", "7.0 GiB are over the budget");
        assertRefused(
                to("h2", new SubHostShare("h3", GIB), on("h5")), "sub-host-keeps-its-share", "name it without a size");
    }

    @Test
    void aSubHostThatItMovesToIsEmptied() throws Exception {
        vm = split(ON_H3, lender("h4", 7 * GIB));

        MigrationTask task = maker.make(vm, to("h3"));

        assertThat(task.lenders()).extracting(Lender::host).containsExactly("h3", "h4");
        assertThat(task.lenders()).extracting(Lender::stage).containsExactly(Stage.SHARED_LEAVING, Stage.SHARED);
        assertThat(task.splitKind()).isEqualTo(MigrationKind.N_TO_M);
    }

    @Test
    void othersMayTakeWhatASubHostHasThatItMovesTo() throws Exception {
        MigrationTask task = maker.make(vm, to("h3", on("h4"), on("h5")));

        assertThat(task.lenders()).extracting(Lender::host).containsExactly("h5", "h3", "h4");
        assertThat(task.lenders()).extracting(Lender::stage).containsExactly(null, Stage.SHARED_LEAVING, Stage.SHARED);
        assertRefused(to("h3"), "plan-does-not-fit", "name others as well");
    }

    @Test
    void theHostThatItLeavesMayKeepWhatTheDestinationHad() throws Exception {
        MigrationTask task = maker.make(vm, to("h3", on("h4"), on("h1")));

        assertThat(task.lenders()).extracting(Lender::host).containsExactly("h1", "h3", "h4");
        assertThat(task.subHosts().keySet()).containsExactly(0);
    }

    @Test
    void allOfItMayComeToASubHost() throws Exception {
        MigrationTask task = maker.make(vm, new MigrationRequest("h3", RAM, List.of(), null, null, null));

        assertThat(task.splitKind()).isEqualTo(MigrationKind.GATHER);
        assertThat(task.lenders())
                .extracting(Lender::stage)
                .containsExactly(Stage.GONE, Stage.SHARED_LEAVING, Stage.SHARED);
    }
}
