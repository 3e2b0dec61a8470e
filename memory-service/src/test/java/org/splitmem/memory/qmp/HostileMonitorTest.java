package org.splitmem.memory.qmp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.memory.testing.Gcc;

/** A monitor of which each byte is a hostile guest's costs no more memory and no more time than there is for it. */
class HostileMonitorTest {
    private static final String VM = "6d1f0000-0000-4000-8000-000000000001";

    @TempDir
    private Path directory;

    private final List<Process> processes = new ArrayList<>();

    @AfterEach
    void end() {
        processes.forEach(Process::destroyForcibly);
    }

    private Process start(String behaviour) throws Exception {
        Path program = Gcc.compile("hostile/monitor.c", directory.resolve("monitor"));
        Process process = new ProcessBuilder(program.toString(), socket().toString(), behaviour).start();
        processes.add(process);
        if (!"ready".equals(process.inputReader().readLine())) {
            throw new IOException("the monitor does not listen");
        }
        return process;
    }

    private Path socket() {
        return directory.resolve("monitor.sock");
    }

    private void connect(long pid) throws IOException {
        QmpMonitor.connect(socket(), VM, (int) pid, event -> {}, () -> {}).close();
    }

    @Test
    void oneInTheVictimsPlaceIsRefused() throws Exception {
        Process impostor = start("greets");

        assertThatThrownBy(() -> connect(1))
                .hasMessageContaining("process " + impostor.pid() + " listens at " + socket())
                .hasMessageContaining("which is not the VM's QEMU, process 1");
    }

    @Test
    void aLineWithoutAnEnd() throws Exception {
        long pid = start("endless").pid();

        assertThatThrownBy(() -> connect(pid)).hasMessageContaining("sends a line of more than 4194304 B");
    }

    @Test
    void eventsWithoutAnEnd() throws Exception {
        long pid = start("flood").pid();

        assertThatThrownBy(() -> connect(pid)).hasMessageContaining("sends more than 10000 lines a second");
    }

    /** Else a migration whose QEMU has ended would be taken for one that the hypervisor gave up. */
    @Test
    void whoIsToldThatACommandFailedFindsToldThatQemuHasEnded() throws Exception {
        long pid = start("leaves").pid();
        AtomicBoolean told = new AtomicBoolean();
        Runnable whenEnded = () -> {
            LockSupport.parkNanos(100_000_000L); // as long as a busy processor may keep this thread
            told.set(true);
        };

        assertThatThrownBy(() -> QmpMonitor.connect(socket(), VM, (int) pid, event -> {}, whenEnded))
                .hasMessageContaining("qmp_capabilities: ");
        assertThat(told).isTrue();
    }

    @Test
    void commandsDoNotWaitForAReaderThatHasDied() throws Exception {
        long pid = start("flood").pid();

        assertThatThrownBy(() -> QmpMonitor.connect(
                        socket(),
                        VM,
                        (int) pid,
                        event -> {
                            throw new AssertionError("as of a test that ends a daemon");
                        },
                        () -> {}))
                .hasMessageContaining("the monitor's reader has died");
    }
}
