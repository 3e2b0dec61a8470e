package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is too low for 200 VMs is named at the start, with what to set. */
class ProcessLimitsTest {
    /** As the unit, the kernel and the launcher have them; SerialGC counts no more than that of 256 MiB. */
    private static final ProcessLimits INSTALLED = new ProcessLimits(65_536, 16_384, 65_530, 253_440L << 10);

    @TempDir
    private Path directory;

    private Path file(String... lines) throws IOException {
        return Files.write(directory.resolve("file"), List.of(lines));
    }

    @Test
    void thoseOfAnInstalledDaemonDo() {
        assertThat(INSTALLED.shortages()).isEmpty();
    }

    @Test
    void eachThatIsTooLowIsNamedWithItsRemedy() {
        assertThat(new ProcessLimits(1024, 512, 4096, 64L << 20).shortages())
                .satisfiesExactly(
                        files -> assertThat(files)
                                .contains("it may have 1024 open files")
                                .contains("200 split VMs with 16 sub-hosts")
                                .contains("LimitNOFILE=65536"),
                        threads -> assertThat(threads).contains("512 threads").contains("TasksMax=16384"),
                        maps -> assertThat(maps).contains("4096 memory maps").contains("vm.max_map_count=65530"),
                        heap -> assertThat(heap).contains("bytes of heap").contains("-Xmx256m"));
    }

    @Test
    void theSoftLimitOfOpenFilesCounts() throws IOException {
        assertThat(ProcessLimits.openFiles(file(
                        "Limit                     Soft Limit           Hard Limit           Units     ",
                        "Max processes             96365                96365                processes ",
                        "Max open files            1024                 524288               files     ")))
                .isEqualTo(1024);
        assertThat(ProcessLimits.openFiles(file("Max open files            unlimited            unlimited   files")))
                .isEqualTo(Long.MAX_VALUE);
    }

    /** Nothing is said to be short of what cannot be read. */
    @Test
    void whatIsNotKnownIsNoLimit() throws IOException {
        assertThat(ProcessLimits.openFiles(directory.resolve("none"))).isEqualTo(Long.MAX_VALUE);
        assertThat(ProcessLimits.tasks(directory.resolve("none"))).isEqualTo(Long.MAX_VALUE);
        assertThat(ProcessLimits.tasks(file("8:pids:/no/such/group", "0::/nor/this")))
                .isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void allCanBeReadHere() {
        ProcessLimits limits = ProcessLimits.read();

        assertThat(limits.files()).isBetween(1L, 1L << 32);
        assertThat(limits.threads()).isBetween(64L, 1L << 32);
        assertThat(limits.maps()).isBetween(1024L, 1L << 32);
        assertThat(limits.heapBytes()).isPositive();
    }
}
