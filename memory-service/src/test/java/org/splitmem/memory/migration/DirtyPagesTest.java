package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.memory.fault.ChunkSeal.CHUNK_PAGES;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
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
import org.splitmem.memory.testing.Await;
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
    private TransferLog transfers;
    private DirtyPages dirty;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), PAGES);
        table = new PageTable(ByteBuffer.allocateDirect((int) PageTable.bytesFor(PAGES)), PAGES);
        transfers = new TransferLog(PAGES);
        dirty = new DirtyPages(memory, table, transfers, () -> writes);
    }

    @AfterEach
    void end() {
        memory.close();
        transfers.close();
    }

    @Test
    void aHoleThatIsReportedCountsOnlyIfItsOldContentMayBeElsewhere() throws Exception {
        GuestContent.write(memory, 12, 1, 1);
        table.put(11, LOCAL); // the guest gave it back after it was sent
        writes.of(10, 11, 12, 13);

        assertThat(dirty.scanAll(() -> false, DirtyPages.Pace.FULL)).isEqualTo(2);

        assertThat(table.get(10)).isZero();
        assertThat(transfers.dirty().contains(11)).isTrue();
        assertThat(table.get(12)).isEqualTo(LOCAL);
        assertThat(transfers.dirty().contains(12)).isTrue();
        assertThat(table.get(13)).isZero();
        assertThat(dirty.scanAll(() -> false, DirtyPages.Pace.FULL))
                .as("found once more")
                .isZero();
        assertThat(dirty.count()).isEqualTo(2);
        assertThat(writes.rearmed()).containsOnly(true);
    }

    /** Else it would be read as zeros here, and sent so. */
    @Test
    void aPageThatIsElsewhereIsNotTakenForALocalOne() throws Exception {
        GuestContent.write(memory, 3, 1, 1); // read ahead, or on its way
        int remote = PageEntry.of(PageState.REMOTE, 4);
        table.put(3, remote);

        dirty.adopt();
        dirty.arm(LatePages.allToMain(transfers.plan()));

        assertThat(table.get(3)).isEqualTo(remote);
    }

    /** Of a VM that is split: to send it would be to send a hole. */
    @Test
    void aPageThatIsElsewhereIsNotDirtyEvenIfItIsReported() throws Exception {
        GuestContent.write(memory, 3, 1, 1);
        table.put(3, LOCAL);
        table.put(4, PageEntry.of(PageState.REMOTE, 2));
        table.put(5, PageEntry.of(PageState.INCOMING, 2));
        writes.of(3, 4, 5);

        assertThat(dirty.scanAll(() -> false, DirtyPages.Pace.FULL)).isEqualTo(1);

        assertThat(transfers.dirty().contains(3)).isTrue();
        assertThat(dirty.count()).isEqualTo(1);
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

    /** PageReturner would take a page that the scan has armed, and not yet noted, for an unwritten one. */
    @Test
    void whileItScansNothingIsGivenBack() throws Exception {
        GuestContent.write(memory, 3, 1, 1);
        writes.of(3);
        AtomicBoolean noted = new AtomicBoolean();
        Thread returner = new Thread(() -> {
            synchronized (transfers.scanning()) {
                noted.set(transfers.dirty().contains(3));
            }
        });
        writes.before(chunk -> {
            if (chunk == 0) {
                returner.start();
                awaitBlockedOrOver(returner);
            }
        });

        dirty.scanAll(() -> false, DirtyPages.Pace.FULL);

        returner.join(TimeUnit.SECONDS.toMillis(20));
        assertThat(noted).isTrue();
    }

    private static void awaitBlockedOrOver(Thread thread) {
        Set<Thread.State> states = EnumSet.of(Thread.State.BLOCKED, Thread.State.TERMINATED);
        try {
            Await.until("it waits", () -> states.contains(thread.getState()));
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
