package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.Unistd;

/** A VM is called as its QEMU was started: migrated with another name, or renamed between two starts. */
class RenamedVmTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path directory;

    private static Process qemu(String name) throws IOException {
        return new ProcessBuilder("sh", "-c", "read x", "sh", "-name", "guest=" + name + ",debug-threads=on").start();
    }

    private static Fd anyFd() throws IOException {
        return Unistd.newEventFd();
    }

    @Test
    void aVmThatMigratesUnderAnotherNameIsKnownByThat() throws Exception {
        VmRecord record = TestVms.record("db1", VmRecord.Phase.INCOMING, MIB).withBackendBytes(List.of(MIB, MIB));
        Vm vm = TestVms.vm(directory, record);
        Process qemu = qemu("db1,, the copy");
        try {
            vm.mapped((int) qemu.pid(), 0, 0x1000, MIB, anyFd());

            assertThat(vm.name()).isEqualTo("db1, the copy");
            assertThat(VmRecord.load(directory).name()).isEqualTo("db1, the copy");
        } finally {
            qemu.destroy();
            vm.destroy();
        }
    }

    @Test
    void aVmWhoseQemuSaysNoNameKeepsItsOwn() throws Exception {
        VmRecord record = TestVms.record("db1", VmRecord.Phase.INCOMING, MIB).withBackendBytes(List.of(MIB, MIB));
        Vm vm = TestVms.vm(directory, record);
        Process qemu = new ProcessBuilder("sh", "-c", "read x").start();
        try {
            vm.mapped((int) qemu.pid(), 0, 0x1000, MIB, anyFd());

            assertThat(vm.name()).isEqualTo("db1");
        } finally {
            qemu.destroy();
            vm.destroy();
        }
    }
}
