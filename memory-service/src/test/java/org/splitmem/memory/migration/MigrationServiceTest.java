package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.qmp.QemuDevice;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.simulation.FakeMonitor;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.Outbound;
import org.splitmem.memory.vm.PagingSwitch;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SubHostShare;

/** Migrations that do not come to anything: the VM stays, and nothing stays reserved. */
class MigrationServiceTest {
    private static final MigrationRequest SPLIT = new MigrationRequest(
            "h2", 32L << 20, List.of(new SubHostShare("h3", null), new SubHostShare("h4", null)), null, null, null);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakePeers peers = new FakePeers("h2", "h3", "h4");
    private MigrationService migrations;
    private VmRegistry vms;
    private FakeShim shim;
    private Vm vm;

    @BeforeEach
    void start() throws IOException {
        vms = TestVms.registry(directory);
        vms.recover(found -> {}, takenUp -> {});
        shim = new FakeShim(TestVms.UUID_OF_VM);
        vm = vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, 64L << 20));
        vms.ready(shim.session());
        migrations = TestMigrations.service(directory, vms, peers);
    }

    @AfterEach
    void end() {
        peers.answer();
        shim.close();
        vms.stop();
    }

    private MigrationInfo awaitAborted(String id) throws Exception {
        Await.until(
                "it is over", () -> migrations.find(id).orElseThrow().phase().isOver());
        MigrationInfo info = migrations.find(id).orElseThrow();
        assertThat(info.phase()).isEqualTo(MigrationPhase.ABORTED);
        return info;
    }

    @Test
    void aHostThatRefusesEndsTheMigrationAndNothingStaysReserved() throws Exception {
        for (String host : List.of("h3", "h4", "h2")) {
            peers.refuse(host);
            int before = peers.asked().size();

            MigrationInfo info = awaitAborted(migrations.start(vm, SPLIT).id());

            assertThat(info.reason()).contains(host + " refused");
            List<String> asked = peers.asked().subList(before, peers.asked().size());
            for (String reserved : List.of("h3", "h4")) {
                assertThat(asked.contains("release " + reserved))
                        .as(asked.toString())
                        .isEqualTo(asked.contains("reserve " + reserved));
            }
            assertThat(asked.contains("cancel h2")).isEqualTo(asked.contains("prepare h2"));
            assertThat(vm.record().phase()).isEqualTo(VmRecord.Phase.LOCAL);
            assertThat(vm.paging()).isNull();
        }
    }

    @Test
    void aVmWhoseQemuHasADeviceThatForbidsItIsRefusedBeforeAnybodyIsAsked() throws Exception {
        try (FakeMonitor qemu = new FakeMonitor(directory.resolve(TestVms.UUID_OF_VM + ".sock"))) {
            qemu.plug(new QemuDevice(QemuDevice.Kind.DEVICE, "hostdev0", "vfio-pci", false));

            RefusedException refusal = catchThrowableOfType(RefusedException.class, () -> migrations.start(vm, SPLIT));

            assertThat(refusal.code()).isEqualTo("not-splittable");
            assertThat(refusal).hasMessageContaining("device hostdev0: this vfio-pci reaches guest RAM past");
        }
        assertThat(peers.asked()).isEmpty();
        assertThat(migrations.list()).isEmpty();
    }

    /** As where the disk was full when it failed: else the VM would be a split one as soon as it leaves. */
    @Test
    void aSplitThatFailedAndWasNotUndoneIsUndoneBeforeTheVmMigrates() throws Exception {
        new PagingSwitch(vm).begin(TestVms.lentBy(vm.record(), "h3").lenders(), 32L << 20);
        assertThat(vm.record().wasBeingSplit()).isTrue();
        peers.refuse("h3");

        awaitAborted(migrations.start(vm, SPLIT).id());

        assertThat(vm.record().phase()).isEqualTo(VmRecord.Phase.LOCAL);
        assertThat(vm.record().lenders()).isEmpty();
    }

    @Test
    void anAbortWhileMemoryIsReservedIsWhatEndsIt() throws Exception {
        peers.waitAt("h3");
        peers.refuse("h4");
        String id = migrations.start(vm, SPLIT).id();
        Await.until("h3 is asked", () -> peers.asked().contains("reserve h3"));

        migrations.abort(id, "aborted by the test");
        peers.answer();

        assertThat(awaitAborted(id).reason()).isEqualTo("aborted by the test");
        assertThat(peers.asked()).contains("release h3");
        assertThat(vm.record().phase()).isEqualTo(VmRecord.Phase.LOCAL);
    }

    @Test
    void aMigrationHasTheIdThatItsCallerGaveAndIsBegunOnce() throws Exception {
        peers.waitAt("h3");
        String given = "07e40000-0000-4000-8000-00000000000a";
        MigrationRequest named = new MigrationRequest(
                SPLIT.destination(), SPLIT.budgetBytes(), SPLIT.subHosts(), null, null, null, given, null);

        assertThat(migrations.start(vm, named).id()).isEqualTo(given);
        assertThat(migrations.start(vm, named).id())
                .as("asked again, since the answer was lost")
                .isEqualTo(given);

        assertThat(migrations.list()).hasSize(1);
        migrations.abort(given, "the test is over");
        peers.answer();
        awaitAborted(given);
    }

    /** Its thread, and those that it asks, go on saying it. */
    @Test
    void aMigrationIsKnownByTheRequestThatBeganIt() throws Exception {
        String novas = "07e40000-0000-4000-8000-00000000000b";
        peers.refuse("h4");
        RequestId.isPartOf("req-1");

        String id = migrations
                .start(
                        vm,
                        new MigrationRequest(
                                "h2", SPLIT.budgetBytes(), SPLIT.subHosts(), null, null, null, null, novas))
                .id();
        RequestId.isPartOf(null);

        MigrationInfo info = awaitAborted(id);
        assertThat(info.requestId()).isEqualTo("req-1");
        assertThat(info.novaMigrationUuid()).isEqualTo(novas);
        assertThat(peers.requestIds()).containsOnly("req-1");
    }

    @Test
    void aVmMigratesOnlyOnceAtATime() throws Exception {
        peers.waitAt("h3");
        peers.refuse("h4");
        String first = migrations.start(vm, SPLIT).id();

        RefusedException refusal = catchThrowableOfType(
                RefusedException.class,
                () -> migrations.start(vm, new MigrationRequest("h4", null, List.of(), null, null, null)));

        assertThat(refusal).isNotNull();
        assertThat(refusal.code()).isEqualTo("vm-migrating");
        assertThat(refusal).hasMessageContaining("to h2").hasMessageContaining(first);
        assertThat(migrations.find(first).orElseThrow().phase()).isEqualTo(MigrationPhase.PLANNED);
        assertThat(migrations.list()).hasSize(1);
        migrations.abort(first, "the test is over");
        peers.answer();
        awaitAborted(first);
    }

    @Test
    void completingIsForMigrationsThatAreNotOver() throws Exception {
        peers.waitAt("h3");
        peers.refuse("h4");
        String id = migrations.start(vm, SPLIT).id();

        assertThat(migrations.complete(id).id()).isEqualTo(id);
        assertThat(migrations.complete(id).phase()).isEqualTo(MigrationPhase.PLANNED);
        peers.answer();
        awaitAborted(id);

        assertThat(catchThrowableOfType(RefusedException.class, () -> migrations.complete(id)))
                .hasMessageContaining("it ended as ABORTED")
                .extracting(RefusedException::code)
                .isEqualTo("migration-over");
        assertThat(catchThrowableOfType(RefusedException.class, () -> migrations.complete("m7")))
                .extracting(RefusedException::code)
                .isEqualTo("migration-not-found");
    }

    private String abortedWhileLibvirtsHookAsks() throws Exception {
        peers.waitAt("h3");
        String id = migrations.start(vm, SPLIT).id();
        Await.until("h3 is asked", () -> peers.asked().contains("reserve h3"));
        assertThat(migrations.awaitReady(vm.uuid(), true, 1)).isFalse();
        migrations.abort(id, "aborted by the test");
        peers.answer();
        awaitAborted(id);
        return id;
    }

    /** It was made for the one that was aborted: who asked for that is told that the VM stays. */
    @Test
    void aCallOfLibvirtThatComesAfterItsMigrationWasAbortedBeginsNoOther() throws Exception {
        String aborted = abortedWhileLibvirtsHookAsks();

        assertThat(catchThrowableOfType(RefusedException.class, () -> migrations.startForHypervisor(vm, "h2")))
                .hasMessageContaining(aborted)
                .hasMessageContaining("has been aborted: aborted by the test")
                .extracting(RefusedException::code)
                .isEqualTo("migration-failed");
        assertThat(migrations.list()).hasSize(1);

        peers.refuse("h2");
        migrations.startForHypervisor(vm, "h2");
        assertThat(migrations.list()).as("the next call is another").hasSize(2);
        awaitAborted(migrations.list().get(0).id());
    }

    @Test
    void aCallOfLibvirtThatWasToldOfTheAbortIsNotRefusedAgain() throws Exception {
        abortedWhileLibvirtsHookAsks();
        assertThat(migrations.whyNotReady(vm.uuid())).isEqualTo("aborted by the test");

        peers.refuse("h2");
        migrations.startForHypervisor(vm, "h2");

        assertThat(migrations.list()).hasSize(2);
        awaitAborted(migrations.list().get(0).id());
    }

    /** A QEMU that fails at the destination may be all that is told: then the guest runs here. */
    @Test
    void whatIsKeptForANewOwnerIsNotFreedBeforeTheVmHasLeft() throws Exception {
        new Outbound(vm).leaving(new VmRecord.Lender("h1", "127.0.0.1", 7780, "token", 64L << 20), "h2");

        RefusedException refusal =
                catchThrowableOfType(RefusedException.class, () -> migrations.arrived(vm.uuid(), "token"));

        assertThat(refusal).isNotNull();
        assertThat(refusal.code()).isEqualTo("still-leaving");
        assertThat(vms.find(vm.uuid())).isSameAs(vm);
        new Outbound(vm).left();
        migrations.arrived(vm.uuid(), "token");
        assertThat(vms.find(TestVms.UUID_OF_VM)).isNull();
    }

    /** Its source may have sent RAM past the plan, into memory that is sealed: the hook must not let QEMU begin. */
    @Test
    void aQemuThatExpectsRamInItsStreamIsRefusedAtTheDestinationByName() throws Exception {
        vms.remove(vm, "it is to come here");
        VmRecord.Lender source = new VmRecord.Lender("h2", "127.0.0.1", 7780, "token", 64L << 20);
        migrations
                .incoming()
                .prepare(new PeerHosts.Incoming(
                        TestVms.UUID_OF_VM, "db1", "m1", List.of(64L << 20), 6, 64L << 20, List.of(), source, null));
        try (FakeMonitor qemu = new FakeMonitor(directory.resolve(TestVms.UUID_OF_VM + ".sock"))) {
            qemu.is(8, 1, "memory-backend-memfd");
            assertThatThrownBy(() -> migrations.incoming().qemuStarted(TestVms.UUID_OF_VM))
                    .isInstanceOf(IOException.class)
                    .hasMessageStartingWith("VM db1 was started with RAM of a memfd, and QEMU 8.1.2 on the destination")
                    .hasMessageContaining("splitmem prepare");
            assertThat(qemu.asked()).doesNotContain("migrate-set-capabilities");

            qemu.is(8, 1, "memory-backend-file");
            migrations.incoming().qemuStarted(TestVms.UUID_OF_VM);
            assertThat(qemu.asked()).contains("migrate-set-capabilities");
        }
    }

    private boolean isExpectedAfter(long seconds) {
        migrations.sweep(System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds));
        return migrations.incoming().isExpected(TestVms.UUID_OF_VM);
    }

    @Test
    void aVmWhoseSourceNeverComesIsNotExpectedForEver() throws Exception {
        vms.remove(vm, "it is to come here");
        VmRecord.Lender source = new VmRecord.Lender("h2", "127.0.0.1", 7780, "token", 64L << 20);
        migrations
                .incoming()
                .prepare(new PeerHosts.Incoming(
                        TestVms.UUID_OF_VM, "db1", "m1", List.of(64L << 20), 6, 64L << 20, List.of(), source, null));

        assertThat(isExpectedAfter(0)).isTrue();
        assertThat(isExpectedAfter(31)).isFalse();
        assertThat(vms.all()).isEmpty();
        assertThat(directory.resolve("vms/" + TestVms.UUID_OF_VM)).doesNotExist();
    }

    private OperationInfo operation(String id) throws Exception {
        return migrations.operations().all().show(id);
    }

    @Test
    void aMigrationIsAnOperationThatIsCancelledByItsId() throws Exception {
        peers.waitAt("h3");
        String id = migrations.start(vm, SPLIT).id();
        assertThat(operation(id).kind()).isEqualTo(OperationKind.MIGRATE);
        assertThat(operation(id).state()).isEqualTo(OperationState.PREPARING);
        assertThat(operation(id).end()).isEqualTo("splitmem abort " + id);

        migrations.operations().all().cancel(id, "not today");
        peers.answer();

        awaitAborted(id);
        Await.until("it is over", () -> operation(id).finishedAtMs() != null);
        assertThat(operation(id).state()).isEqualTo(OperationState.CANCELLED);
        assertThat(operation(id).reason()).isEqualTo("not today");
    }

    @Test
    void aMigrationThatFailsIsAnOperationThatSaysWhy() throws Exception {
        peers.refuse("h3");
        String id = migrations.start(vm, SPLIT).id();

        Await.until("it is over", () -> operation(id).finishedAtMs() != null);
        assertThat(operation(id).state()).isEqualTo(OperationState.FAILED);
        assertThat(operation(id).reason()).contains("h3 refused");
    }
}
