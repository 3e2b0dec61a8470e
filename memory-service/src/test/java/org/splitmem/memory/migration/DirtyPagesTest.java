package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.memory.fault.ChunkSeal.CHUNK_PAGES;
import static org.splitmem.memory.page.PageEntry.DIRTY;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;

/** What a scan's reports do to the table of a guest of three chunks. */
class DirtyPagesTest {
    private static final long PAGES = 2 * CHUNK_PAGES + 10;
    private static final int LOCAL = PageEntry.of(PageState.LOCAL);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final Writes writes = new Writes();
    private GuestMemory memory;
    private PageTable table;
    private DirtyPages dirty;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), PAGES);
        table = new PageTable(ByteBuffer.allocateDirect((int) PageTable.bytesFor(PAGES)), PAGES);
        dirty = new DirtyPages(memory, table, () -> writes);
    }

    @AfterEach
    void end() {
        memory.close();
    }

    @Test
    void aHoleThatIsReportedCountsOnlyIfItsOldContentMayBeElsewhere() throws Exception {
        GuestContent.write(memory, 12, 1, 1);
        table.put(11, LOCAL); // the guest gave it back after it was sent
        writes.of(10, 11, 12, 13);

        assertThat(dirty.scanAll(() -> false, DirtyPages.Pace.FULL)).isEqualTo(2);

        assertThat(table.get(10)).isZero();
        assertThat(table.get(11)).isEqualTo(LOCAL | DIRTY);
        assertThat(table.get(12)).isEqualTo(LOCAL | DIRTY);
        assertThat(table.get(13)).isZero();
        assertThat(dirty.scanAll(() -> false, DirtyPages.Pace.FULL))
                .as("found once more")
                .isZero();
        assertThat(dirty.count()).isEqualTo(2);
        assertThat(writes.rearmed()).containsOnly(true);
    }

    @Test
    void aScanThatIsCutLeavesTheRestToTheNext() throws Exception {
        GuestContent.write(memory, 1, 1, 1);
        GuestContent.write(memory, PAGES - 1, 1, 1);
        writes.of(1, PAGES - 1);
        AtomicBoolean cut = new AtomicBoolean();
        writes.before(chunk -> cut.set(true));

        assertThat(dirty.scanAll(cut::get, DirtyPages.Pace.FULL)).isEqualTo(1);

        assertThat(dirty.scanLast(2)).isEqualTo(1);
        assertThat(dirty.count()).isEqualTo(2);
    }

    @Test
    void aScanThatIsPacedPausesAfterEachChunk() throws Exception {
        AtomicInteger pauses = new AtomicInteger();
        List<Integer> pausesBefore = new ArrayList<>();
        writes.before(chunk -> pausesBefore.add(pauses.get()));

        dirty.scanAll(() -> false, tookNs -> pauses.incrementAndGet());

        assertThat(pausesBefore).containsExactly(0, 1, 2);
        assertThat(pauses).hasValue(3);
    }
}
