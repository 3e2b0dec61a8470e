package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.operation.Operation;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.Outbound;
import org.splitmem.memory.vm.PagingSwitch;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRecord.Lender;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusedException;

/** The operations of VMs are as their records say, and those of an earlier daemon end as the records do. */
class VmOperationsTest {
    private static final long RAM = 64L << 20;
    private static final UUID ID = UUID.fromString("07e40000-0000-4000-8000-00000000000a");
    private static final Lender SOURCE = new Lender("h2", "127.0.0.1", 7780, "token", RAM);

    private final FakePeers peers = new FakePeers("h2", "h3", "h4");

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private VmRegistry vms;
    private Operations operations;
    private MigrationService migrations;

    @BeforeEach
    void start() throws IOException {
        vms = TestVms.registry(directory);
        load();
    }

    /** As a daemon does with the journal. */
    private void load() throws IOException {
        operations = TestMigrations.operations(directory);
        migrations = TestMigrations.service(directory, vms, peers, operations);
    }

    @AfterEach
    void end() {
        peers.answer();
        vms.stop();
    }

    /** An earlier daemon had begun it. */
    private void wasUnderWay(OperationKind kind, OperationState state, @Nullable String from) throws IOException {
        Operation begun = operations.begin(
                new Operation.Subject(ID, kind, TestVms.UUID_OF_VM, "db1", from, null), OperationState.PREPARING, null);
        if (state != OperationState.PREPARING) {
            begun.enter(state);
        }
        load();
    }

    private OperationInfo only() {
        List<OperationInfo> all = operations.list(true);
        assertThat(all).hasSize(1);
        return all.get(0);
    }

    private void assertEnded(OperationState state, @Nullable String reason) {
        OperationInfo info = only();
        assertThat(info.state()).isEqualTo(state);
        if (reason == null) {
            assertThat(info.reason()).isNull();
        } else {
            assertThat(info.reason()).contains(reason);
        }
    }

    private Vm vm(VmRecord.Phase phase) throws IOException {
        return vms.prepare(TestVms.record("db1", phase, RAM));
    }

    // ---- what is received

    private static PeerHosts.Incoming incoming() {
        return new PeerHosts.Incoming(
                TestVms.UUID_OF_VM, "db1", ID.toString(), List.of(RAM), 2, RAM, List.of(), SOURCE, null);
    }

    @Test
    void aVmThatIsExpectedIsReceivedUnderTheIdOfItsMigration() throws Exception {
        migrations.incoming().prepare(incoming());

        OperationInfo info = only();
        assertThat(info.kind()).isEqualTo(OperationKind.RECEIVE);
        assertThat(info.id()).isEqualTo(ID.toString());
        assertThat(info.state()).isEqualTo(OperationState.RUNNING);
        assertThat(info.from()).isEqualTo("h2");
        assertThat(info.to()).isEqualTo("h1");
        assertThatThrownBy(() -> operations.cancel(ID.toString(), "x"))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("only h2 can end that: \"splitmem abort db1\" there");
    }

    @Test
    void oneWhoseSourceGivesUpHasFailed() throws Exception {
        migrations.incoming().prepare(incoming());
        migrations.incoming().cancel(TestVms.UUID_OF_VM, SOURCE.token());

        assertEnded(OperationState.FAILED, "its source gave up the migration");
    }

    @Test
    void itIsReceivedUntilItsSourceIsForgotten() throws Exception {
        migrations.incoming().prepare(incoming());
        Vm vm = vms.find(TestVms.UUID_OF_VM);
        vm.arrived();
        assertThat(only().state()).isEqualTo(OperationState.COMPLETING);

        vms.remove(vm, "its QEMU 12 has exited");
        assertEnded(OperationState.FAILED, "its QEMU 12 has exited");
    }

    // ---- what an earlier daemon had begun

    @Test
    void aSplitThatARestartCutHasFailedIfTheVmIsWhole() throws Exception {
        vm(VmRecord.Phase.LOCAL);
        wasUnderWay(OperationKind.SPLIT, OperationState.RUNNING, "h1");

        assertEnded(OperationState.FAILED, "splitmemd on h1 was restarted in the middle: VM db1 stays whole");
    }

    @Test
    void aSplitThatARestartCutIsDoneIfTheVmIsPagedAlsoIfTheJournalLacksAStep() throws Exception {
        vm(VmRecord.Phase.PAGED);
        wasUnderWay(OperationKind.SPLIT, OperationState.PREPARING, "h1");

        assertEnded(OperationState.DONE, null);
    }

    @Test
    void aMigrationThatARestartCutHasFailedIfTheVmIsWhereItWas() throws Exception {
        vm(VmRecord.Phase.LOCAL);
        wasUnderWay(OperationKind.MIGRATE, OperationState.RUNNING, "h1");

        assertEnded(OperationState.FAILED, "restarted in the middle: VM db1 is on h1, where it was");
    }

    @Test
    void aMigrationThatARestartCutGoesOnUntilTheVmHasLeftForGood() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        wasUnderWay(OperationKind.MIGRATE, OperationState.PREPARING, "h1");
        new Outbound(vm).leaving(SOURCE, "h2");
        assertThat(only().state()).isEqualTo(OperationState.PREPARING);

        new Outbound(vm).left();
        assertThat(only().state()).isEqualTo(OperationState.COMPLETING);

        vms.remove(vm, "its new owner has every page");
        assertEnded(OperationState.DONE, null);
    }

    /** Also if nothing has looked at it between the two. */
    @Test
    void oneThatHasLeftAndIsFreedIsDone() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        wasUnderWay(OperationKind.MIGRATE, OperationState.RUNNING, "h1");
        new Outbound(vm).leaving(SOURCE, "h2");
        new Outbound(vm).left();
        vms.remove(vm, "its new owner has every page");

        assertEnded(OperationState.DONE, null);
    }

    /** Its QEMU has exited, and there is none at the destination. */
    @Test
    void oneWhoseVmHasEndedInTheSwitchOverHasFailed() throws Exception {
        int noProcess = Integer.MAX_VALUE;
        Vm vm = vms.prepare(new VmRecord(
                TestVms.UUID_OF_VM,
                "db1",
                VmRecord.Phase.LEAVING,
                List.of(RAM),
                5,
                -1,
                List.of(),
                SOURCE,
                noProcess,
                "h2"));
        wasUnderWay(OperationKind.MIGRATE, OperationState.RUNNING, "h1");
        peers.arrive(PeerHosts.Arrival.ABSENT);

        Await.until("it is freed", () -> {
            migrations.sweep(System.nanoTime());
            return vms.find(vm.uuid()) == null;
        });

        assertEnded(OperationState.FAILED, "runs nowhere any more");
    }

    @Test
    void oneWhoseVmEndsWhereItWasHasFailedForThat() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        wasUnderWay(OperationKind.MIGRATE, OperationState.RUNNING, "h1");
        vms.remove(vm, "its QEMU 12 has exited");

        assertEnded(OperationState.FAILED, "its QEMU 12 has exited");
    }

    @Test
    void aGatherThatARestartCutIsDoneIfTheVmIsWhole() throws Exception {
        vm(VmRecord.Phase.LOCAL);
        wasUnderWay(OperationKind.GATHER, OperationState.RUNNING, null);

        assertEnded(OperationState.DONE, null);
    }

    /** Its housekeeping, which would go on with it, does not run yet. */
    @Test
    void aGatherThatARestartCutGoesOnUntilItsQemuIsConnected() throws Exception {
        vm(VmRecord.Phase.PAGED);
        wasUnderWay(OperationKind.GATHER, OperationState.RUNNING, null);

        assertThat(only().state()).isEqualTo(OperationState.RUNNING);
        assertThat(only().end()).isEqualTo("splitmem budget db1 SIZE");
        assertThatThrownBy(() -> operations.cancel(ID.toString(), "x")).hasMessageContaining("ask again");
    }

    @Test
    void whatIsOfAVmThatIsHereNoMoreHasFailed() throws Exception {
        wasUnderWay(OperationKind.GATHER, OperationState.RUNNING, null);

        assertEnded(OperationState.FAILED, "the VM is not on h1 any more");
    }

    // ---- pages that move

    private static List<Lender> lenders(Lender h3) {
        return List.of(h3, new Lender("h4", "127.0.0.1", 7780, "token", RAM));
    }

    private static final Lender H3 = new Lender("h3", "127.0.0.1", 7780, "token", RAM);

    private Vm emptied() throws IOException {
        VmRecord record = TestVms.record("db1", VmRecord.Phase.PAGED, RAM);
        return vms.prepare(TestVms.lentBy(record, lenders(H3.leaving(null))));
    }

    @Test
    void aSubHostThatIsEmptiedIsListedUntilItIsEmpty() throws Exception {
        Vm vm = emptied();
        OperationInfo info = only();
        assertThat(info.kind()).isEqualTo(OperationKind.MOVE_PAGES);
        assertThat(info.from()).isEqualTo("h3");
        assertThat(info.end()).isEqualTo("splitmem move-pages db1 --from h3 --cancel");

        load(); // the next daemon knows it as the same
        assertThat(only().id()).isEqualTo(info.id());

        new PagingSwitch(vm).change(lenders(H3.gone()));
        assertEnded(OperationState.DONE, null);
    }

    @Test
    void aSubHostThatIsEmptiedNoMoreWasCancelled() throws Exception {
        Vm vm = emptied();
        assertThat(only().state()).isEqualTo(OperationState.RUNNING);

        new PagingSwitch(vm).change(lenders(H3.staying()));

        assertEnded(OperationState.CANCELLED, "h3 keeps what it still has");
    }
}
