package org.splitmem.memory.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the kernel says of a process. */
class ProcessesTest {
    private static final int SELF = (int) ProcessHandle.current().pid();
    private static final int PAGE = 4096;

    @TempDir
    private Path directory;

    @Test
    void aProcessHasAStart() {
        assertThat(Processes.startOf(SELF)).isPositive().isEqualTo(Processes.startOf(SELF));
        assertThat(Processes.startOf(1)).isLessThan(Processes.startOf(SELF));
        assertThat(Processes.startOf(Integer.MAX_VALUE)).isZero();
    }

    @Test
    void aNameMayLookLikeFields() {
        String stat = "7 (a) b) (c 1 2) S 1 7 7 0 -1 4194560 1 0 0 0 2 3 0 0 20 0 1 0 98765 1 2 3";

        assertThat(Processes.startIn(stat)).isEqualTo(98765);
    }

    /** As makedev(3) puts them together. */
    @Test
    void devicesAreShownAsInMaps() {
        assertThat(Processes.deviceIn(0x1C)).isEqualTo("00:1c");
        assertThat(Processes.deviceIn(0xFE00)).isEqualTo("fe:00");
        assertThat(Processes.deviceIn(0x12_345_678L)).isEqualTo("456:12378");
    }

    @Test
    void onlyASharedMappingOfTheWholeFileWillDo() throws Exception {
        Path file = directory.resolve("ram");
        Files.write(file, new byte[4 * PAGE]);
        Path other = directory.resolve("other");
        Files.write(other, new byte[4 * PAGE]);
        try (Fd fd = Unistd.open(file.toString(), Unistd.O_RDWR)) {
            long at = Mman.mapShared(fd, 4 * PAGE);

            Processes.requireShared(SELF, at, 4 * PAGE, file);
            Processes.requireShared(SELF, at, PAGE, file);
            String notMapped = "process " + SELF + " has not mapped";
            assertThatThrownBy(() -> Processes.requireShared(SELF, at, 4 * PAGE, other))
                    .hasMessageContaining(notMapped);
            assertThatThrownBy(() -> Processes.requireShared(SELF, at + PAGE, PAGE, file))
                    .hasMessageContaining(notMapped);
            assertThatThrownBy(() -> Processes.requireShared(SELF, PAGE, PAGE, file))
                    .hasMessageContaining(notMapped + " " + file + " at 0x1000");
            assertThatThrownBy(() -> Processes.requireShared(SELF, at, 1L << 45, file))
                    .hasMessageContaining(notMapped);
            Mman.unmap(at, 4 * PAGE);
        }
    }

    @Test
    void nobodyHoldsALockThatThisProcessHasItself() throws Exception {
        Path file = Files.createFile(directory.resolve("lock"));
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            assertThat(channel.lock()).isNotNull();

            assertThat(Processes.lockHolder(file)).isZero();
        }
    }
}
