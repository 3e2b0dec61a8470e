package org.splitmem.memory.workingset;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.List;
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
import org.splitmem.memory.testing.TestMemory;

/** The guest's touches are steps of the table's entries between a zap and the end of its window. */
class HotSetTest {
    private static final long PAGES = 4096;
    private static final long WINDOW_NS = 100_000_000L;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private GuestMemory memory;
    private PageTable table;
    private FakeShim shim;
    private HotSet hot;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), 1000, PAGES - 1000);
        table = new PageTable(ByteBuffer.allocateDirect((int) PageTable.bytesFor(PAGES)), PAGES);
        for (long page = 0; page < PAGES; page++) {
            table.put(page, PageEntry.of(PageState.LOCAL));
        }
        table.put(7, PageEntry.of(PageState.ZERO));
        shim = new FakeShim(UUID.randomUUID());
    }

    @AfterEach
    void end() {
        shim.close();
        memory.close();
    }

    /** Plays a guest that uses so many pages in each window, from page 100 on. */
    private void sample(Integer... usedUpTo) throws IOException {
        Iterator<Integer> windows = List.of(usedUpTo).iterator();
        hot = new HotSet(memory, table, ns -> {
            for (long page = 100, end = windows.next(); page < end; page++) {
                table.put(page, PageEntry.touched(table.get(page), 0));
            }
        });
        hot.sample(shim.session(), usedUpTo.length, WINDOW_NS);
    }

    @Test
    void aPagesScoreIsInHowManyWindowsItWasUsed() throws Exception {
        sample(200, 400, 300);

        assertThat(PageEntry.age(table.get(100))).isEqualTo(3);
        assertThat(PageEntry.age(table.get(199))).isEqualTo(3);
        assertThat(PageEntry.age(table.get(299))).isEqualTo(2);
        assertThat(PageEntry.age(table.get(300))).isEqualTo(1);
        assertThat(PageEntry.age(table.get(400))).isZero();
        assertThat(hot.touchedPages()).isEqualTo(300);
    }

    @Test
    void aGuestThatUsesNextToNothingIsKnownAfterOneWindow() throws Exception {
        sample(104, 104, 104);

        assertThat(hot.touchedPages()).isEqualTo(4);
        assertThat(shim.zaps().stream().mapToLong(FakeShim.Zap::length).sum()).isEqualTo(Pages.toBytes(PAGES - 1));
    }
}
