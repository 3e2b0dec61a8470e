package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.qmp.QemuDevice;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.simulation.FakeMonitor;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.SubHostShare;

/** Splits that do not come to anything: the VM stays whole, and nothing stays reserved. */
class SplitsTest {
    private static final long MIB = 1L << 20;
    private static final long RAM = 64 * MIB;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakePeers peers = new FakePeers("h2", "h3", "h4");
    private MigrationService migrations;
    private VmRegistry vms;
    private FakeShim shim;
    private FakeMonitor monitor;

    @BeforeEach
    void start() throws IOException {
        vms = TestVms.registry(directory);
        vms.recover(found -> {}, takenUp -> {});
        shim = new FakeShim(TestVms.UUID_OF_VM);
        monitor = new FakeMonitor(directory.resolve(TestVms.UUID_OF_VM + ".sock"));
        migrations = TestMigrations.service(directory, vms, peers);
    }

    @AfterEach
    void end() throws IOException {
        peers.answer();
        shim.close();
        monitor.close();
        vms.stop();
    }

    private Vm vm(VmRecord.Phase phase) throws IOException {
        Vm vm = vms.prepare(TestVms.record("db1", phase, RAM));
        vms.ready(shim.session());
        return vm;
    }

    private static SplitRequest within(long budget, SubHostShare... shares) {
        return new SplitRequest(null, null, budget, List.of(shares));
    }

    private static SubHostShare share(String host, Long bytes) {
        return new SubHostShare(host, bytes);
    }

    private static final SplitRequest HALF = within(RAM / 2, share("h3", null), share("h4", null));

    private RefusedException refusal(Vm vm, SplitRequest request) {
        RefusedException refusal = catchThrowableOfType(
                RefusedException.class, () -> migrations.splits().split(vm, request));
        assertThat(refusal).as("%s", request).isNotNull();
        return refusal;
    }

    private void assertWhole(Vm vm) {
        assertThat(vm.record().phase()).isEqualTo(VmRecord.Phase.LOCAL);
        assertThat(vm.record().lenders()).isEmpty();
        assertThat(vm.record().epoch()).isEqualTo(5);
        assertThat(vm.paging()).isNull();
    }

    @Test
    void whatMakesNoSenseIsRefusedBeforeAnybodyIsAsked() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        SubHostShare h3 = share("h3", null);

        assertThat(refusal(vm, within(15 * MIB, h3)).code()).isEqualTo("budget-too-small");
        assertThat(refusal(vm, within(RAM, h3)).code()).isEqualTo("budget-too-large");
        assertThat(refusal(vm, within(RAM * 2, h3)).code()).isEqualTo("budget-too-large");
        assertThat(refusal(vm, within(RAM / 2)).code()).isEqualTo("no-sub-hosts");
        assertThat(refusal(vm, within(RAM / 2, share("h3", 8 * MIB))).code()).isEqualTo("plan-does-not-fit");
        assertThat(refusal(vm, within(RAM / 2, share("h1", null))).code()).isEqualTo("source-as-sub-host");
        assertThat(refusal(vm, within(RAM / 2, share("h9", null))).code()).isEqualTo("host-not-found");
        assertThat(refusal(vm, new SplitRequest("db1", RAM * 2, RAM / 2, List.of(h3)))
                        .code())
                .isEqualTo("ram-differs");

        assertThat(peers.asked()).isEmpty();
        assertWhole(vm);
    }

    /** Plugged in since the hook has read its XML. */
    @Test
    void aVmWhoseQemuHasADeviceThatForbidsItIsRefusedBeforeAnybodyIsAsked() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        monitor.plug(new QemuDevice(QemuDevice.Kind.BLOCK, "libvirt-3-storage", "file", true));

        RefusedException refusal = refusal(vm, HALF);

        assertThat(refusal.code()).isEqualTo("not-splittable");
        assertThat(refusal)
                .hasMessageContaining("VM db1 cannot be split or split-migrated as it is on h1")
                .hasMessageContaining("block libvirt-3-storage: reads past the page cache");
        assertThat(peers.asked()).isEmpty();
        assertWhole(vm);
    }

    @Test
    void aVmThatIsSplitAlreadyIsRefused() throws Exception {
        RefusedException refusal = refusal(vm(VmRecord.Phase.PAGED), HALF);

        assertThat(refusal.code()).isEqualTo("vm-split");
        assertThat(refusal).hasMessageContaining("splitmem budget");
        assertThat(peers.asked()).isEmpty();
    }

    @Test
    void aVmThatMigratesIsRefused() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        peers.waitAt("h2");
        migrations.start(vm, new MigrationRequest("h2", null, List.of(), null, null, null));

        assertThat(refusal(vm, HALF).code()).isEqualTo("vm-migrating");
    }

    @Test
    void oneThatIsJustBeingSplitNeitherMigratesNorIsSplitAgain() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        Claims.Claim claim = migrations.claims().claim(vm.uuid(), "db1", Claims.Purpose.SPLIT);

        RefusedException migration = catchThrowableOfType(
                RefusedException.class,
                () -> migrations.start(vm, new MigrationRequest("h2", null, List.of(), null, null, null)));

        assertThat(migration.code()).isEqualTo("vm-splitting");
        assertThat(refusal(vm, HALF).code()).isEqualTo("vm-splitting");
        claim.close();
        peers.refuse("h4");
        assertThat(refusal(vm, HALF).code()).isEqualTo("failed");
    }

    /** A memory server that has waited for long asks before it frees what nobody has adopted. */
    @Test
    void whatSubHostsKeepIsWantedAsLongAsItIsBeingSplit() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        assertThat(migrations.wantsStores(vm.uuid())).isFalse();
        peers.waitAt("h4");
        peers.refuse("h4");
        AtomicReference<RefusedException> refusal = new AtomicReference<>();
        Thread splitting = new Thread(() -> refusal.set(refusal(vm, HALF)), "splitting");
        splitting.start();

        Await.until("h4 is asked", () -> peers.asked().contains("reserve h4"));
        assertThat(migrations.wantsStores(vm.uuid())).isTrue();

        peers.answer();
        splitting.join();
        assertThat(refusal.get()).hasMessageContaining("h4 refused");
        assertThat(migrations.wantsStores(vm.uuid())).isFalse();
    }

    @Test
    void aHostThatRefusesEndsItAndNothingStaysReserved() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        for (String host : List.of("h4", "h3")) {
            peers.refuse(host);

            assertThat(refusal(vm, HALF)).hasMessageContaining(host + " refused");

            assertWhole(vm);
        }
        peers.refuse("");
        migrations.sweep(System.nanoTime() + 10_000_000_000L);
        assertThat(peers.asked()).contains("reserve h3", "reserve h4", "release h3", "release h4");
        assertThat(directory.resolve("releases.json")).content().startsWith("[]\n");
    }

    @Test
    void aQemuThatDoesNotAnswerIsLeftAlone() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        monitor.close();

        assertThat(refusal(vm, HALF).code()).isEqualTo("failed");

        assertThat(peers.asked()).isEmpty();
        assertWhole(vm);
    }

    @Test
    void whatADaemonHadReservedWhenItDiedTheNextOneGivesBack() throws Exception {
        VmRecord record = TestVms.record("db1", VmRecord.Phase.LOCAL, RAM);
        Vm vm = vms.prepare(TestVms.lentBy(record, "h3", "h4"));

        migrations.found(vm);
        migrations.sweep(System.nanoTime());

        assertWhole(vm);
        assertThat(peers.asked()).containsExactly("release h3", "release h4");
    }

    @Test
    void aSplitThatFailsIsAnOperationThatSaysWhy() throws Exception {
        Vm vm = vm(VmRecord.Phase.LOCAL);
        peers.refuse("h4");

        refusal(vm, HALF);

        assertThat(migrations.operations().all().list(true)).singleElement().satisfies(info -> {
            assertThat(info.kind()).isEqualTo(OperationKind.SPLIT);
            assertThat(info.state()).isEqualTo(OperationState.FAILED);
            assertThat(info.reason()).contains("h4 refused");
        });
    }
}
