package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.shim.Qemu;
import org.splitmem.memory.testing.MemoryDirectory;

/** A QEMU that says what is not so of its own VM harms no other, and nothing of what it says is written down. */
class HostileQemuTest {
    private static final long RAM = 16L << 20;
    private static final UUID VM = TestVms.UUID_OF_VM;
    private static final int PID = (int) ProcessHandle.current().pid();
    private static final Qemu QEMU = new Qemu(VM, "db1", PID);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private VmRegistry vms;

    @BeforeEach
    void start() throws IOException {
        vms = TestVms.registry(directory);
        vms.recover(vm -> {}, vm -> {});
    }

    private VmRecord opened(long fileBytes) throws IOException {
        try (Fd file = vms.open(QEMU, 0).file()) {
            Unistd.truncate(file, fileBytes);
        }
        return vms.find(VM).record();
    }

    @Test
    void ramThatItHasNotMappedIsRefused() throws Exception {
        VmRecord before = opened(RAM);

        assertThatThrownBy(() -> vms.mapped(QEMU, 0, 0x7f00_0000_0000L, RAM, null))
                .hasMessageContaining("process " + PID + " has not mapped")
                .hasMessageContaining("ram0 at 0x7f0000000000");
        assertThat(vms.find(VM).record()).isEqualTo(before);
    }

    @Test
    void ramOfAnotherLengthThanItsFileIsRefused() throws Exception {
        VmRecord before = opened(RAM);

        for (long bytes : new long[] {RAM - 4096, RAM + 4096, 1L << 55}) {
            assertThatThrownBy(() -> vms.mapped(QEMU, 0, 0x7f00_0000_0000L, bytes, null))
                    .hasMessageContaining("announces " + bytes + " B of RAM backend 0");
        }
        assertThatThrownBy(() -> vms.mapped(QEMU, 3, 0x7f00_0000_0000L, RAM, null))
                .hasMessageContaining("RAM backend 3");
        assertThat(vms.find(VM).record()).isEqualTo(before);
    }

    @Test
    void aVmHasOneQemuAtATime() throws Exception {
        opened(RAM);

        assertThatThrownBy(() -> vms.open(new Qemu(VM, "db1", 1), 0))
                .hasMessageContaining("has a running QEMU already, process " + PID);
    }

    /** Else a VM would stay for ever whose QEMU died while another process took its number. */
    @Test
    void aLaterProcessOfTheSameNumberIsNotItsQemu() throws Exception {
        VmRecord record = opened(RAM);

        assertThat(record.hasQemu()).isTrue();
        VmRecord earlier = new VmRecord(
                record.uuid(),
                record.name(),
                record.phase(),
                record.backendBytes(),
                record.epoch(),
                record.budgetBytes(),
                record.lenders(),
                record.source(),
                record.pid(),
                record.destination(),
                record.qemuStarted() - 1,
                record.gatherRate());
        assertThat(earlier.hasQemu()).isFalse();
        assertThat(earlier.isQemuGone()).isTrue();
        assertThat(VmRecord.mayBeSame(7, 0))
                .as("one whose start cannot be read")
                .isTrue();
    }

    /** As after a migration with a new name. */
    @Test
    void itsNameIsTheOneOfItsHypervisor() throws Exception {
        vms.prepare(TestVms.record("name at the source", VmRecord.Phase.LOCAL, RAM));

        vms.open(QEMU, 0).file().close();

        assertThat(vms.find("db1")).map(Vm::uuid).contains(VM);
        assertThat(vms.find("name at the source")).isEmpty();
    }
}
