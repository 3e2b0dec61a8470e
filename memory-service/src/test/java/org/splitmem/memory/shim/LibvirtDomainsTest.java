package org.splitmem.memory.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.memory.linux.FdPassing;
import org.splitmem.memory.testing.Gcc;

/** Which process is which VM's QEMU is what libvirt's files say, and only if they are libvirt's and the process holds its own lock. */
class LibvirtDomainsTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final int UID = 64055;

    @TempDir
    private Path directory;

    private final List<Process> processes = new ArrayList<>();
    private LibvirtDomains domains;

    @BeforeEach
    void findOwner() throws IOException {
        domains = new LibvirtDomains(directory, ownUid());
    }

    private int ownUid() throws IOException {
        return (Integer) Files.getAttribute(directory, "unix:uid");
    }

    @AfterEach
    void end() {
        processes.forEach(Process::destroyForcibly);
    }

    /** A process that holds the lock of each domain's pid file. */
    private int startAs(String... names) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Gcc.compile("hostile/lock_file.c", directory.resolve("lock_file"))
                .toString());
        for (String name : names) {
            command.add(directory.resolve(name + ".pid").toString());
        }
        Process process = new ProcessBuilder(command).start();
        processes.add(process);
        assertThat(process.inputReader().readLine()).isEqualTo("ready");
        return (int) process.pid();
    }

    private void status(String name, int pid, String labels) throws IOException {
        Files.writeString(directory.resolve(name + ".xml"), """
                <!--
                WARNING: THIS IS AN AUTO-GENERATED FILE.
                -->

                <domstatus state='paused' reason='starting up' pid='%d'>
                  <monitor path='/var/lib/libvirt/qemu/domain-1/monitor.sock' type='unix'/>
                  <domain type='qemu' id='1'>
                    <name>%s</name>
                    <uuid>%s</uuid>
                    <metadata><uuid>6d1f0000-0000-4000-8000-00000000ffff</uuid></metadata>
                    %s
                  </domain>
                </domstatus>
                """.formatted(pid, name.replace("&", "&amp;"), VM, labels));
    }

    private static FdPassing.Peer process(int pid) {
        return new FdPassing.Peer(pid, UID, UID);
    }

    @Test
    void theOneThatLibvirtStarted() throws Exception {
        int pid = startAs("a,b & c");
        status("a,b & c", pid, "<seclabel type='dynamic' model='dac'><label>+64055:+108</label></seclabel>");
        Files.writeString(directory.resolve("other.pid"), "1\n");

        assertThat(domains.qemuOf(process(pid))).isEqualTo(new Qemu(VM, "a,b & c", pid));
    }

    @Test
    void oneOfWhichLibvirtSaysNothing() throws Exception {
        int pid = startAs("db1");
        status("db1", pid, "");

        assertThat(domains.qemuOf(process(1))).isNull();
    }

    /** What was read once is not believed. */
    @Test
    void oneThatCameLaterAndOneThatHasEnded() throws Exception {
        int first = startAs("db1");
        status("db1", first, "");
        assertThat(domains.qemuOf(process(first))).isNotNull();
        int second = startAs("db2");
        status("db2", second, "");
        processes.get(0).destroyForcibly().waitFor();

        assertThat(domains.qemuOf(process(second))).isEqualTo(new Qemu(VM, "db2", second));
        assertThat(domains.qemuOf(process(first))).isNull();
    }

    @Test
    void libvirtItselfIsNoQemu() throws Exception {
        assertThat(domains.qemuOf(process(startAs("driver")))).isNull();
    }

    /** Its QEMU has ended, and another process has its number now: that cannot lock the file, which it may only read. */
    @Test
    void oneThatHasOnlyTheNumber() throws Exception {
        int pid = startAs("another");
        Files.writeString(directory.resolve("db1.pid"), pid + "\n");
        status("db1", pid, "");

        assertThat(domains.qemuOf(process(pid))).isNull();
    }

    @Test
    void filesThatAreNotLibvirts() throws Exception {
        int pid = startAs("db1");
        status("db1", pid, "");

        assertThat(new LibvirtDomains(directory, ownUid() + 1).qemuOf(process(pid)))
                .isNull();
    }

    @Test
    void oneThatIsNotAsItWasStarted() throws Exception {
        int pid = startAs("db1");

        status("db1", pid + 1, "");
        assertThatThrownBy(() -> domains.qemuOf(process(pid))).hasMessageContaining("is of process " + (pid + 1));
        status("db1", pid, "<seclabel model='dac'><label>+107:+107</label></seclabel>");
        assertThatThrownBy(() -> domains.qemuOf(process(pid)))
                .hasMessageContaining("runs as user 64055, but libvirt has started it as +107:+107");
        status("db1", pid, "<seclabel model='apparmor'><label>libvirt-6d1f</label></seclabel>");
        assertThatThrownBy(() -> domains.qemuOf(process(pid)))
                .hasMessageContaining("but libvirt has started it with \"libvirt-6d1f\"");
        Files.writeString(directory.resolve("db1.xml"), "<domstatus pid='x'/>");
        assertThatThrownBy(() -> domains.qemuOf(process(pid)))
                .hasMessageContaining("db1.xml is not a domain's status as libvirt writes it");
    }

    @Test
    void aHostWithoutLibvirt() {
        LibvirtDomains none = new LibvirtDomains(directory.resolve("missing"));

        assertThatThrownBy(() -> none.qemuOf(process(1))).hasMessageContaining("libvirt.state-directory");
    }
}
