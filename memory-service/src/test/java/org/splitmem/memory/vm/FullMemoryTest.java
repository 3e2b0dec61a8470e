package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.testing.Await;

/** A memory directory, in a file system of its own, that has less room than its VM's RAM. */
class FullMemoryTest extends MachineTest {
    private static final long PAGES = 2048;
    private static final long STANDSTILL_NS = 300_000_000L;

    FullMemoryTest() {
        super(PAGES);
    }

    @BeforeEach
    void mountIt() throws Exception {
        mount("-t", "tmpfs", "-o", "size=4m", "none");
    }

    @AfterEach
    void unmountIt() throws Exception {
        machine.close();
        run("umount", "--lazy", directory.path().toString()); // mappings of it may linger
    }

    private void mount(String... how) throws Exception {
        String[] command = new String[how.length + 2];
        command[0] = "mount";
        System.arraycopy(how, 0, command, 1, how.length);
        command[how.length + 1] = directory.path().toString();
        run(command);
    }

    private static void run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
    }

    /** For a page that was never touched the kernel then finds no memory. */
    @Test
    void faultsThatFindNoMemoryAreAnsweredOnceThereIsSome() throws Exception {
        machine("h2").start();
        machine.guest().begin("fill 0 " + PAGES + " 4");
        Await.until("it is said why the guest waits", () -> {
            String trouble = machine.paging().trouble();
            return trouble != null && trouble.contains("cannot be answered yet");
        });
        LockSupport.parkNanos(STANDSTILL_NS); // the last pages that there is room for may still come

        mount("-o", "remount,size=64m");

        machine.guest().end();
        machine.guest().run("verify 0 " + PAGES);
        Await.until("all is well again", () -> machine.paging().trouble() == null);
    }
}
