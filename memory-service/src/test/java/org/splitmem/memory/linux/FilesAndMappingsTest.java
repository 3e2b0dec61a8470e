package org.splitmem.memory.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.testing.MemoryDirectory;

/** Unistd, Mman, Windows and Fd on a sparse file of a tmpfs. */
class FilesAndMappingsTest {
    private static final long GIB = 1L << 30;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Fd file(long bytes) throws LinuxException {
        Fd fd = Unistd.open(directory.resolve("file").toString(), Unistd.O_RDWR | Unistd.O_CREAT);
        Unistd.truncate(fd, bytes);
        return fd;
    }

    @Test
    void holesAndDataAreFoundWithoutFillingThem() throws Exception {
        try (Fd fd = file(64 * 4096)) {
            long address = Mman.mapShared(fd, 64 * 4096);
            Mman.view(address + 10 * 4096, 4096).put(0, (byte) 1);
            Mman.view(address + 11 * 4096, 4096).put(4095, (byte) 1);

            assertThat(Unistd.nextData(fd, 0)).isEqualTo(10 * 4096);
            assertThat(Unistd.nextHole(fd, 10 * 4096)).isEqualTo(12 * 4096);
            assertThat(Unistd.nextData(fd, 12 * 4096)).isEqualTo(-1);
            assertThat(Unistd.nextHole(fd, 64 * 4096)).isEqualTo(-1);
            assertThat(directory.resolve("file")).hasSize(64 * 4096);

            Unistd.punchHole(fd, 10 * 4096, 4096);
            assertThat(Unistd.nextData(fd, 0)).isEqualTo(11 * 4096);
            assertThat(directory.resolve("file")).hasSize(64 * 4096);
            assertThat(MemoryDirectory.allocatedBytes(directory.resolve("file")))
                    .isEqualTo(4096);
            Mman.unmap(address, 64 * 4096);
        }
    }

    @Test
    void windowsReachEveryPageOfAMappingBeyondTwoGiB() throws Exception {
        long bytes = 3 * GIB + 8192;
        try (Fd fd = file(bytes)) {
            long address = Mman.mapShared(fd, bytes);
            Windows windows = new Windows(address, bytes);
            assertThat(windows.size()).isEqualTo(4);
            for (long offset : new long[] {0, GIB - 4096, GIB, 2 * GIB - 4096, 2 * GIB, 3 * GIB, bytes - 4096}) {
                Mman.view(address + offset, 4096).putLong(0, offset + 7);
            }

            for (long offset : new long[] {bytes - 4096, 0, 3 * GIB, GIB - 4096, GIB, 2 * GIB, 2 * GIB - 4096}) {
                ByteBuffer page = windows.at(offset, 4096);
                assertThat(page.getLong(page.position())).isEqualTo(offset + 7);
                assertThat(page.remaining()).isEqualTo(4096);
            }
            assertThat(windows.crc32c(GIB, 4096)).isEqualTo(windows.crc32c(GIB, 4096));
            assertThat(windows.crc32c(GIB, 4096)).isNotEqualTo(windows.crc32c(GIB - 4096, 4096));
            Mman.unmap(address, bytes);
        }
    }

    @Test
    void theChecksumIsCrc32c() throws Exception {
        try (Fd fd = file(4096)) {
            long address = Mman.mapShared(fd, 4096);
            ByteBuffer view = Mman.view(address, 4096);
            for (int i = 0; i < 32; i++) {
                view.put(i, (byte) i);
            }

            // RFC 3720, B.4: 32 bytes of ascending numbers
            assertThat(new Windows(address, 4096).crc32c(0, 32)).isEqualTo(0x46DD794E);
            Mman.unmap(address, 4096);
        }
    }

    @Test
    void aClosedDescriptorIsNeverUsedAgain() throws Exception {
        Fd fd = file(4096);
        fd.close();
        fd.close();

        assertThat(fd.isOpen()).isFalse();
        assertThatThrownBy(() -> Unistd.nextData(fd, 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aFailureSaysWhatWasDoneAndEndsWithTheKernelsWord() {
        assertThatThrownBy(() -> Unistd.open("/nowhere/at/all", Unistd.O_RDONLY))
                .isInstanceOf(LinuxException.class)
                .hasMessage("open(/nowhere/at/all): No such file or directory (ENOENT 2)");
    }

    @Test
    void processesAreKnownByTheirNumber() {
        assertThat(Unistd.processExists((int) ProcessHandle.current().pid())).isTrue();
        assertThat(Unistd.processExists(Integer.MAX_VALUE)).isFalse();
    }

    @Test
    void aKernelWhoseScanOverlooksPagesThatAreBeingMovedIsKnownByItsRelease() {
        assertThat(List.of("6.7.0", "6.7.12-amd64", "6.8", "6.8.0-45-generic", "6.8.9", "5.15.0"))
                .noneMatch(KernelFeatures::seesMovingPages);
        assertThat(List.of("6.8.10", "6.8.11-200.fc39", "6.9-rc8", "6.9.0", "6.18.44", "7.0", "10.1.2"))
                .allMatch(KernelFeatures::seesMovingPages);
    }

    @Test
    void aKernelWithoutAnyFeatureLacksAllByName() {
        assertThat(KernelFeatures.missing(0))
                .containsExactly(
                        "UFFD_FEATURE_PAGEFAULT_FLAG_WP",
                        "UFFD_FEATURE_MISSING_SHMEM",
                        "UFFD_FEATURE_MINOR_SHMEM",
                        "UFFD_FEATURE_WP_HUGETLBFS_SHMEM",
                        "UFFD_FEATURE_WP_UNPOPULATED",
                        "UFFD_FEATURE_WP_ASYNC (Linux 6.7)");
        assertThat(KernelFeatures.missing(-1)).isEmpty();
        assertThat(KernelFeatures.missing(-1 & ~(1L << 15))).containsExactly("UFFD_FEATURE_WP_ASYNC (Linux 6.7)");
    }

    @Test
    void aPollerIsWokenFromAnotherThread() throws Exception {
        Fd quiet = Unistd.newEventFd();
        try (quiet;
                Poller poller = new Poller(java.util.List.of(quiet))) {
            Thread waker = new Thread(poller::wakeUp);
            waker.start();

            poller.await(10_000);

            assertThat(poller.readable(0)).isFalse();
            waker.join();
            Unistd.signal(quiet, new NativeBlock(8).putLong(0, 1));
            poller.await(10_000);
            assertThat(poller.readable(0)).isTrue();
        }
    }
}
