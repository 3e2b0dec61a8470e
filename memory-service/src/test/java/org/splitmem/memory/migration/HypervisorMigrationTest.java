package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.splitmem.memory.migration.HypervisorMigration.Outcome;
import org.splitmem.memory.migration.PeerHosts.Arrival;
import org.splitmem.memory.migration.Signals.Hypervisor;
import org.splitmem.memory.qmp.DeviceObstacles;
import org.splitmem.memory.qmp.QemuDevice;
import org.splitmem.memory.qmp.QemuDevice.Kind;
import org.splitmem.memory.qmp.QmpEvent;
import org.splitmem.memory.simulation.FakeMonitor;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.vm.TestVms;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;

/** What QEMU says of its own migration, and what it does not say in time. */
@Timeout(60)
class HypervisorMigrationTest {
    private static final long RAM = 64L << 20;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final Signals signals = new Signals();
    private final There there = new There();
    private final AtomicInteger cancels = new AtomicInteger();
    private FakeMonitor qemu;
    private VmRegistry vms;
    private Vm vm;
    private HypervisorMigration hypervisor;

    @BeforeEach
    void start() throws Exception {
        qemu = new FakeMonitor(directory.resolve(TestVms.UUID_OF_VM + ".sock"));
        vms = TestVms.registry(directory);
        vms.recover(found -> {}, takenUp -> {});
        vm = vms.prepare(TestVms.record("db1", VmRecord.Phase.LOCAL, RAM));
        hypervisor = new HypervisorMigration(vm, signals, "h1", 1);
        qemu.whenCancelled(() -> {
            cancels.incrementAndGet();
            qemu.migration("cancelled");
        });
    }

    @AfterEach
    void end() throws Exception {
        hypervisor.close();
        vms.stop();
        qemu.close();
    }

    @ParameterizedTest
    @CsvSource({"7, 2, memfd", "8, 0, memfd", "8, 1, file", "10, 0, file"})
    void ramThatQemuLeavesOutIsNoObstacle(int major, int minor, String kind) {
        qemu.is(major, minor, "memory-backend-" + kind);

        assertThatCode(hypervisor::connect).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @CsvSource({"8, 1", "9, 0", "10, 0"})
    void aMemfdOfANewerQemuIsRefusedByNameAndWithItsRemedy(int major, int minor) {
        qemu.is(major, minor, "memory-backend-memfd");

        assertThatThrownBy(hypervisor::connect)
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(
                        "VM db1 was started with RAM of a memfd, and QEMU " + major + "." + minor + ".2 on h1 leaves")
                .hasMessageContaining("run \"splitmem prepare\" on its domain again, shut it down and start it");
    }

    /** The hook read the domain's XML when the domain started, and does not see what an operator attaches later. */
    @Test
    void aDeviceThatWasPluggedInSinceTheBeginIsRefusedBeforeRamIsLeftOut() throws Exception {
        hypervisor.connect();
        qemu.plug(new QemuDevice(Kind.BLOCK, "libvirt-3-storage", "file", true));

        assertThatThrownBy(hypervisor::leaveRamOut)
                .hasMessageContaining(
                        "VM db1 cannot be split or split-migrated as it is on h1: block libvirt-3-storage:")
                .hasMessageContaining("reads past the page cache write guest RAM by DMA");
        assertThat(vm.mayLeaveRamOut()).isFalse();
    }

    /** Its migration fails before it ends: that alone would look as if the guest went on here. */
    @Test
    void aQemuThatIsAboutToEndIsWaitedFor() throws Exception {
        hypervisor.connect();
        signals.onQmp(new QmpEvent("SHUTDOWN", "", 1));

        assertThat(hypervisor.hasEnded(qemu::cut)).isTrue();
    }

    @Test
    void aQemuThatGoesOnIsNotWaitedFor() throws Exception {
        hypervisor.connect();

        assertThat(hypervisor.hasEnded(() -> Assertions.fail("it is let go"))).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "DEVICE, hostdev0, vfio-pci, false",
        "DEVICE, disk1, vhost-user-blk-pci, false",
        "DEVICE, dimm1, pc-dimm, false",
        "DEVICE, vm0, virtio-mem-pci, false",
        "DEVICE, shm0, ivshmem-plain, false",
        "DEVICE, lun0, scsi-block, false",
        "DEVICE, usb1, usb-host, false",
        "NETWORK, hostnet1, vhost-user, false",
        "NETWORK, hostnet1, vhost-vdpa, false",
        "BLOCK, libvirt-2-storage, nvme, false",
        "BLOCK, libvirt-2-storage, virtio-blk-vhost-user, false",
        "BLOCK, libvirt-2-storage, host_device, true",
    })
    void whatReachesRamPastQemuIsRefusedByName(Kind kind, String name, String driver, boolean direct) {
        qemu.plug(new QemuDevice(kind, name, driver, direct));

        assertThatThrownBy(hypervisor::connect)
                .isInstanceOf(DeviceObstacles.ObstacleException.class)
                .hasMessageContaining(kind.name().toLowerCase(Locale.ROOT) + " " + name + ": ")
                .hasMessageContaining("detach it");
    }

    @ParameterizedTest
    @CsvSource({
        "DEVICE, net0, virtio-net-pci, false",
        "DEVICE, disk0, virtio-blk-pci, false",
        "DEVICE, scsi0, scsi-hd, false",
        "NETWORK, hostnet0, tap, false",
        "BLOCK, libvirt-1-format, qcow2, true",
        "BLOCK, libvirt-1-storage, file, false",
        "BLOCK, libvirt-1-storage, rbd, true",
    })
    void ordinaryDevicesAreNoObstacle(Kind kind, String name, String driver, boolean direct) {
        qemu.plug(new QemuDevice(kind, name, driver, direct));

        assertThatCode(() -> {
                    hypervisor.connect();
                    hypervisor.leaveRamOut();
                })
                .doesNotThrowAnyException();
    }

    @Test
    void aStreamWithTheRamInItIsCancelledByName() throws Exception {
        begin(RAM + 532_480);

        hypervisor.awaitSwitchover(this::isAborted);

        assertThat(cancels).hasValue(1);
        assertThat(signals.abortReason())
                .contains(
                        "QEMU sends the VM's RAM through its own stream (ram.total is 67641344 B, and the VM has 67108864 B)");
        assertThat(hypervisor.gaveUp()).isTrue();
    }

    @Test
    void aPostCopyMigrationIsCancelledByName() throws Exception {
        qemu.allowPostCopy();
        begin(532_480);

        hypervisor.awaitSwitchover(this::isAborted);

        assertThat(cancels).hasValue(1);
        assertThat(signals.abortReason())
                .contains("libvirt was asked for post-copy")
                .contains("without --postcopy");
    }

    @Test
    void aStreamWithoutTheRamGoesOn() throws Exception {
        begin(532_480);
        qemu.migration("pre-switchover");

        hypervisor.awaitSwitchover(this::isAborted);

        assertThat(cancels).hasValue(0);
        assertThat(signals.abortReason()).isNull();
    }

    @Test
    void aHypervisorThatDoesNotStopTheGuestIsCancelledAfterItsLimit() throws Exception {
        begin(532_480);

        hypervisor.awaitSwitchover(this::isAborted);

        assertThat(cancels).hasValue(1);
        assertThat(signals.abortReason())
                .contains(
                        "has not stopped the guest within 1 s of its migration's begin (migration.switchover-seconds)");
        assertThat(hypervisor.gaveUp()).isTrue();
    }

    @Test
    void aHypervisorThatDoesNotResumeTheGuestIsCancelledAfterItsLimit() throws Exception {
        begin(532_480);
        qemu.migration("pre-switchover");
        Await.until("the guest is stopped", () -> signals.hypervisor() == Hypervisor.SWITCHOVER);

        Outcome outcome = hypervisor.awaitOutcome(there, this::isAborted);

        assertThat(outcome).isEqualTo(Outcome.HERE);
        assertThat(cancels).hasValue(1);
        assertThat(signals.abortReason())
                .contains("has not resumed the guest within 1 s of stopping it (migration.switchover-seconds)");
    }

    /** Of a paused guest no RESUME ever comes. */
    @Test
    void aGuestThatIsLoadedThereIsThereOnceQemuHasEndedHere() throws Exception {
        complete();
        there.arrival = Arrival.LOADED;
        qemu.close();

        assertThat(hypervisor.awaitOutcome(there, this::isAborted)).isEqualTo(Outcome.THERE);
    }

    @Test
    void aVmOfWhichNoQemuIsLeftIsNowhere() throws Exception {
        complete();
        there.arrival = Arrival.ABSENT;
        qemu.close();

        assertThat(hypervisor.awaitOutcome(there, this::isAborted)).isEqualTo(Outcome.NOWHERE);
    }

    /** Its last word may be on its way, and a host that does not answer may have the guest. */
    @Test
    void thatQemuHasEndedHereAloneDecidesNothing() throws Exception {
        complete();
        there.arrival = Arrival.AWAITED;
        there.then = Arrival.LOADED;
        qemu.close();

        assertThat(hypervisor.awaitOutcome(there, this::isAborted)).isEqualTo(Outcome.THERE);
        assertThat(there.asked).hasValueGreaterThanOrEqualTo(2);
    }

    /** libvirt could not resume a paused guest there, and has nothing to resume here: QEMU says nothing more. */
    @Test
    void aGuestIsHereIfItsQemuThereHasEndedAfterTheStream() throws Exception {
        complete();
        there.arrival = Arrival.ABSENT;

        assertThat(hypervisor.awaitOutcome(there, () -> true)).isEqualTo(Outcome.HERE);
    }

    @Test
    void aGuestThatWasResumedThereIsThere() throws Exception {
        complete();
        there.arrival = Arrival.OWNED;

        assertThat(hypervisor.awaitOutcome(there, this::isAborted)).isEqualTo(Outcome.THERE);
    }

    /** As virsh save does it: the same events, but the RAM goes with them. */
    @Test
    void aMigrationThatBeginsBeforeRamIsLeftOutIsNotOurs() throws Exception {
        hypervisor.connect();

        qemu.migration("setup");
        qemu.migration("active");
        qemu.migration("completed");
        qemu.close();
        Await.until("QEMU has ended", signals::isQemuGone);

        assertThat(hypervisor.hasBegun()).isFalse();
        assertThat(hypervisor.mayRunElsewhere()).isFalse();
    }

    /** QEMU does not agree to send RAM then, and the guest may come to run at the destination. */
    @Test
    void aMigrationThatBeginsWhenItIsNotWantedAnyMoreIsNotOver() throws Exception {
        hypervisor.connect();
        hypervisor.leaveRamOut();
        assertThat(hypervisor.mayRunElsewhere()).isFalse();

        qemu.migration("active");
        hypervisor.sendRamAgain();

        assertThat(hypervisor.mayRunElsewhere()).isTrue();
        assertThat(vm.mayLeaveRamOut()).isTrue();
    }

    @Test
    void whatBeginsOnceRamIsSentAgainIsNotOurs() throws Exception {
        hypervisor.connect();
        hypervisor.leaveRamOut();
        hypervisor.sendRamAgain();

        qemu.migration("active");
        Await.until("it is seen", () -> signals.hypervisor() == Hypervisor.ACTIVE);

        assertThat(hypervisor.mayRunElsewhere()).isFalse();
    }

    /** Of an earlier daemon: the file would have no memory in it. */
    @Test
    void aSaveThatBeganWhileRamIsLeftOutIsCancelled() throws Exception {
        hypervisor.connect();
        hypervisor.leaveRamOut();
        hypervisor.close();
        qemu.migration("active");

        InterruptedMigration.sendRamAgain(vm);

        assertThat(cancels).hasValue(1);
        assertThat(vm.mayLeaveRamOut()).isFalse();
    }

    private void complete() throws Exception {
        begin(532_480);
        qemu.migration("pre-switchover");
        qemu.migration("completed");
        Await.until("its part is done", () -> signals.hypervisor() == Hypervisor.COMPLETED);
    }

    /** A destination that reports what it is told to. */
    private static final class There implements HypervisorMigration.Destination {
        private final AtomicInteger asked = new AtomicInteger();
        private volatile Arrival arrival = Arrival.AWAITED;
        private volatile Arrival then;

        @Override
        public boolean isRunning() {
            return arrival == Arrival.OWNED;
        }

        @Override
        public boolean isDecided() {
            return false;
        }

        @Override
        public Arrival arrival() {
            return asked.getAndIncrement() > 0 && then != null ? then : arrival;
        }
    }

    private void begin(long streamBytes) throws Exception {
        hypervisor.connect();
        hypervisor.leaveRamOut();
        qemu.streams(streamBytes);
        qemu.migration("active");
        Await.until("it has begun", hypervisor::hasBegun);
    }

    private boolean isAborted() {
        return signals.abortReason() != null;
    }
}
