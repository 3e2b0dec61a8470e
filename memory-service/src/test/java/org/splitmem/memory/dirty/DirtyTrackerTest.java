package org.splitmem.memory.dirty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.memory.dirty.DirtyTracker.MOST_PAGES;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.linux.Fd;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Pagemap.PageRegion;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;

/** What the kernel is asked for, of a guest with two backends far apart. */
class DirtyTrackerTest {
    private static final long FIRST = MOST_PAGES + 10, SECOND = 3 * MOST_PAGES;
    private static final long HVA = 1L << 40, OTHER_HVA = 1L << 44;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final FakeKernel kernel = new FakeKernel();
    private GuestMemory memory;
    private Fd uffd;
    private DirtyTracker.Scanner scanner;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), FIRST, SECOND);
        uffd = Unistd.newEventFd(); // stands for those that QEMU has
        QemuMemory qemu = new QemuMemory(
                memory,
                List.of(
                        new QemuMemory.Mapping(HVA, Pages.toBytes(FIRST), uffd),
                        new QemuMemory.Mapping(OTHER_HVA, Pages.toBytes(SECOND), uffd)),
                1);
        scanner = new DirtyTracker.Scanner(memory, qemu, kernel);
    }

    @AfterEach
    void end() {
        uffd.close();
        memory.close();
    }

    /** Everything was written; it has room for so many runs of one page. */
    private static final class FakeKernel implements KernelScan {
        private final List<Long> lengths = new ArrayList<>();
        private long mostRuns = Long.MAX_VALUE;
        private long reached;

        @Override
        public int written(NativeBlock regions, long start, long end, boolean rearm) {
            lengths.add(Pages.fromBytes(end - start));
            reached = mostRuns == Long.MAX_VALUE ? end : Math.min(end, start + Pages.toBytes(mostRuns));
            regions.putLong(PageRegion.START, start).putLong(PageRegion.END, reached);
            return 1;
        }

        @Override
        public long walkEnd() {
            return reached;
        }

        @Override
        public void requireAlive(long address) {
            assertThat(address == HVA || address == OTHER_HVA).isTrue();
        }
    }

    private List<Long> scanAll() throws Exception {
        List<Long> written = new ArrayList<>();
        scanner.scan(
                0,
                memory.pages(),
                true,
                (page, count) -> LongStream.range(page, page + count).forEach(written::add));
        return written;
    }

    /** Under KVM a call drops the guest's mappings in all of its range, and no fault in there is answered until it ends. */
    @Test
    void noCallIsForMoreThanAChunkAndNoPageIsLeftOut() throws Exception {
        List<Long> written = scanAll();

        assertThat(kernel.lengths).containsExactly(MOST_PAGES, 10L, MOST_PAGES, MOST_PAGES, MOST_PAGES);
        assertThat(written)
                .isEqualTo(LongStream.range(0, FIRST + SECOND).boxed().toList());
    }

    @Test
    void aCallThatStopsEarlyIsGoneOnWithWhereItStopped() throws Exception {
        kernel.mostRuns = 5000;

        List<Long> written = scanAll();

        assertThat(kernel.lengths).allMatch(length -> length <= MOST_PAGES);
        assertThat(written)
                .isEqualTo(LongStream.range(0, FIRST + SECOND).boxed().toList());
    }
}
