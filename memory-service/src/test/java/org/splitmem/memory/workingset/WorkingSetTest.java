package org.splitmem.memory.workingset;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.SeededTest;
import org.splitmem.memory.testing.TestMemory;

/** The clock hand over a page table; the guest's touches are steps of its entries, as the pager makes them. */
class WorkingSetTest {
    private static final long PAGES = 1000;
    private static final int LOCAL = PageEntry.of(PageState.LOCAL);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private GuestMemory memory;
    private PageTable table;
    private FakeShim shim;
    private WorkingSet workingSet;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), 300, 700);
        table = new PageTable(ByteBuffer.allocateDirect((int) PageTable.bytesFor(PAGES)), PAGES);
        for (long page = 0; page < PAGES; page++) {
            table.put(page, LOCAL);
        }
        shim = new FakeShim(UUID.randomUUID());
        workingSet = new WorkingSet(memory, table);
    }

    @AfterEach
    void end() {
        shim.close();
        memory.close();
    }

    private void touch(long page, int skips) {
        table.put(page, PageEntry.touched(table.get(page), skips));
    }

    private long cold(int age) {
        long cold = 0;
        for (long page = 0; page < PAGES; page++) {
            if (isCold(page, age)) {
                cold++;
            }
        }
        return cold;
    }

    private boolean isCold(long page, int age) {
        return PageEntry.has(table.get(page), PageEntry.SAMPLED) && PageEntry.age(table.get(page)) >= age;
    }

    /** A search that finds nothing cold enough. */
    private void search() throws Exception {
        workingSet.reclaim(shim.session(), PAGES, 7, (page, entry) -> true);
    }

    /** What a search of that length takes, at most so many. */
    private List<Long> reclaim(long length, int most) throws Exception {
        List<Long> taken = new ArrayList<>();
        workingSet.reclaim(shim.session(), length, 1, (page, entry) -> taken.size() < most && taken.add(page));
        return taken;
    }

    @Test
    void theFirstVisitZapsEveryLocalPageOfEachBackend() throws Exception {
        workingSet.sample(shim.session(), PAGES);

        assertThat(shim.zaps())
                .containsExactly(
                        new FakeShim.Zap(0, 0, Pages.toBytes(300)), new FakeShim.Zap(1, 0, Pages.toBytes(700)));
        assertThat(cold(1)).isZero();
    }

    @Test
    void onlyPagesThatAreHereAreZapped() throws Exception {
        table.put(10, PageEntry.of(PageState.REMOTE, 0));
        table.put(20, PageEntry.of(PageState.ZERO));
        table.put(30, PageEntry.of(PageState.OUTGOING, 0));

        workingSet.sample(shim.session(), 300);

        assertThat(shim.zaps().stream().mapToLong(FakeShim.Zap::length).sum()).isEqualTo(Pages.toBytes(297));
        assertThat(table.get(10)).isEqualTo(PageEntry.of(PageState.REMOTE, 0));
    }

    @Test
    void aPageGrowsOldUntilItIsTouched() throws Exception {
        workingSet.sample(shim.session(), PAGES);
        workingSet.sample(shim.session(), PAGES);
        assertThat(cold(1)).isEqualTo(PAGES);
        workingSet.sample(shim.session(), PAGES);
        assertThat(cold(2)).isEqualTo(PAGES);

        touch(500, 0);

        assertThat(isCold(500, 1)).isFalse();
        assertThat(cold(2)).isEqualTo(PAGES - 1);
    }

    @Test
    void aPageThatIsZappedAlreadyIsNotZappedAgain() throws Exception {
        workingSet.sample(shim.session(), PAGES);
        int zapped = shim.zaps().size();

        workingSet.sample(shim.session(), PAGES);

        assertThat(shim.zaps()).hasSize(zapped);
    }

    @Test
    void aSearchLeavesAHotPageAloneForItsSkips() throws Exception {
        workingSet.sample(shim.session(), PAGES);
        touch(5, 3);
        int before = shim.zaps().size();

        search(); // 3 -> 2
        search(); // 2 -> 1
        assertThat(shim.zaps()).hasSize(before);
        search(); // 1 -> 0: zapped again

        assertThat(shim.zaps().get(before)).isEqualTo(new FakeShim.Zap(0, Pages.toBytes(5), Pages.SIZE));
    }

    @Test
    void theHandGoesNoFurtherThanItMay() throws Exception {
        for (int i = 0; i < 10; i++) {
            int before = shim.zaps().size();
            workingSet.sample(shim.session(), 100);
            long zapped = shim.zaps().stream()
                    .skip(before)
                    .mapToLong(FakeShim.Zap::length)
                    .sum();
            assertThat(zapped).isEqualTo(Pages.toBytes(100));
        }
    }

    @Test
    void aSampleZapsAHotPageAtEachVisit() throws Exception {
        workingSet.sample(shim.session(), PAGES);
        touch(5, 3);
        int before = shim.zaps().size();

        workingSet.sample(shim.session(), PAGES);

        assertThat(shim.zaps().get(before)).isEqualTo(new FakeShim.Zap(0, Pages.toBytes(5), Pages.SIZE));
        assertThat(isCold(5, 1)).isFalse();
    }

    @Test
    void aSearchTakesWhatWasNotTouchedSinceTheHandCameBy() throws Exception {
        assertThat(reclaim(PAGES, 1000)).isEmpty();
        for (long page = 0; page < PAGES; page += 2) {
            touch(page, 0);
        }

        assertThat(reclaim(10, 1000)).containsExactly(1L, 3L, 5L, 7L, 9L);
        assertThat(reclaim(6, 1000)).containsExactly(11L, 13L, 15L);
    }

    @Test
    void aSearchEndsWhereEnoughWasFoundAndGoesOnThere() throws Exception {
        workingSet.sample(shim.session(), PAGES);

        assertThat(reclaim(PAGES, 3)).containsExactly(0L, 1L, 2L);
        assertThat(PageEntry.age(table.get(3))).as("not visited").isZero();
        assertThat(reclaim(PAGES, 2)).containsExactly(3L, 4L);
        assertThat(reclaim(PAGES, 0)).isEmpty();
        assertThat(reclaim(PAGES, 2000)).hasSize((int) PAGES).startsWith(5L, 6L).endsWith(3L, 4L);
    }

    @Test
    void aSearchTakesNoPageYoungerThanAsked() throws Exception {
        List<Long> taken = new ArrayList<>();
        workingSet.sample(shim.session(), PAGES);
        for (int visit = 1; visit < 3; visit++) {
            workingSet.reclaim(shim.session(), PAGES, 3, (page, entry) -> taken.add(page));
            assertThat(taken).isEmpty();
        }

        workingSet.reclaim(shim.session(), PAGES, 3, (page, entry) -> taken.add(page));

        assertThat(taken).hasSize((int) PAGES);
    }

    @SeededTest(runs = 10)
    void theEstimateIsTheShareOfThoseInUseOfAllThatAreHere(long seed) throws Exception {
        Random random = new Random(seed);
        int inUse = 1 + random.nextInt((int) PAGES - 1);
        for (int page = 0; page < PAGES; page += 4) {
            table.put(page, PageEntry.of(PageState.REMOTE, 0));
        }

        for (int call = 0; call < 200 + WorkingSet.WINDOW_CALLS; call++) { // two rounds, looked back at
            workingSet.lookBack();
            workingSet.sample(shim.session(), 10);
            for (int page = 0; page < inUse; page++) {
                touch(page, 7);
            }
        }

        assertThat(workingSet.estimatePages()).isBetween(inUse * 3L / 4 - 5, inUse * 3L / 4 + 5);
    }

    @Test
    void thereIsNoEstimateBeforeEnoughWasSeen() throws Exception {
        for (int call = 0; call < WorkingSet.WINDOW_CALLS + 25; call++) {
            workingSet.lookBack();
            workingSet.sample(shim.session(), 10);
            assertThat(workingSet.estimatePages()).isEqualTo(-1);
        }
        workingSet.lookBack();
        assertThat(workingSet.estimatePages()).isNotNegative();
    }
}
