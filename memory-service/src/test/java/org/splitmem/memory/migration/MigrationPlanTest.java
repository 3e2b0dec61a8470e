package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.testing.SeededTest;

class MigrationPlanTest {
    @Test
    void theHottestPagesGoToTheMainHost() {
        PageTable table = tableOf(100, page -> page >= 90 ? 3 : page >= 80 ? 1 : 0);

        new MigrationPlan(20, new long[] {200}).assign(table);

        for (long page = 0; page < 100; page++) {
            assertThat(isForMain(table, page)).as("page " + page).isEqualTo(page >= 80);
        }
    }

    @Test
    void whatIsLeftOfTheMainHostsShareIsFilledWithColdPages() {
        PageTable table = tableOf(100, page -> page >= 90 ? 3 : 0);

        new MigrationPlan(50, new long[] {200}).assign(table);

        assertThat(countForMain(table)).isEqualTo(50);
        assertThat(isForMain(table, 95)).isTrue();
    }

    @Test
    void subHostsGetTheirPartsInLongRuns() {
        PageTable table = tableOf(1000, page -> 0);

        new MigrationPlan(0, new long[] {600, 600, 600}).assign(table);

        int changes = 0;
        for (long page = 1; page < 1000; page++) {
            changes += PageEntry.host(table.get(page)) == PageEntry.host(table.get(page - 1)) ? 0 : 1;
        }
        assertThat(changes).isEqualTo(2);
    }

    @Test
    void pagesThatAreNowhereAreNotPlanned() {
        PageTable table = tableOf(10, page -> 0);
        table.put(3, PageEntry.of(PageState.ZERO));

        new MigrationPlan(0, new long[] {10}).assign(table);

        assertThat(table.get(3)).isEqualTo(PageEntry.of(PageState.ZERO));
    }

    @Test
    void aPlanThatDoesNotFitIsRefusedWithTheNumbersAndChangesNothing() {
        PageTable table = tableOf(100, page -> 0);

        assertThatThrownBy(() -> new MigrationPlan(10, new long[] {40, 40}).assign(table))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("100 pages are in use")
                .hasMessageContaining("10")
                .hasMessageContaining("80");
        assertThat(countForMain(table)).isEqualTo(100);
    }

    @Test
    void roomIsLeftAtTheMainHostForWhatIsWrittenLater() {
        long budgetBytes = 800L << 12;

        assertThat(MigrationPlan.mainPages(budgetBytes, 0, 10))
                .as("an idle guest")
                .isEqualTo(700);
        assertThat(MigrationPlan.mainPages(budgetBytes, 0, 300))
                .as("a busy guest")
                .isEqualTo(500);
        assertThat(MigrationPlan.mainPages(budgetBytes, 0, 9000))
                .as("a very busy guest")
                .isEqualTo(400);
        assertThat(MigrationPlan.mainPages(budgetBytes, 750, 300))
                .as("little room elsewhere")
                .isEqualTo(750);
        assertThat(MigrationPlan.mainPages(budgetBytes, 900, 300))
                .as("too little room elsewhere")
                .isEqualTo(800);
    }

    @Test
    void pagesWrittenAfterThePlanFillHalfOfTheMainHostsRoomAndThenTheSubHosts() {
        PageTable table = tableOf(100, page -> 0);
        for (long page = 60; page < 100; page++) {
            table.put(page, PageEntry.of(PageState.ZERO));
        }
        new MigrationPlan(40, new long[] {35, 40}).assign(table);
        LatePages late = LatePages.after(60, new long[] {35, 40}, table); // room for 20 is left at the main host

        for (long page = 60; page < 100; page++) {
            table.put(page, PageEntry.of(PageState.LOCAL));
            late.place(table, page);
        }

        assertThat(countForMain(table)).isEqualTo(40 + 10);
    }

    @Test
    void pagesThatNobodyHasRoomForGoToTheMainHost() {
        PageTable table = tableOf(10, page -> 0); // nowhere is room but for 3 pages
        LatePages late = LatePages.after(10, new long[] {3}, table);

        for (long page = 0; page < 10; page++) {
            late.place(table, page);
        }

        assertThat(countForMain(table)).isEqualTo(7);
    }

    @SeededTest(runs = 200)
    void everyPageGetsExactlyOnePlaceAndNoLimitIsExceeded(long seed) {
        Random random = new Random(seed);
        long pages = 1L + random.nextInt(3000);
        PageTable table = tableOf(pages, page -> random.nextInt(PageEntry.MAX_AGE + 1));
        long mainPages = random.nextInt((int) pages + 1);
        long[] shares = new long[1 + random.nextInt(PageEntry.MAX_HOSTS)];
        for (int i = 0; i < shares.length; i++) {
            shares[i] = (pages - mainPages) / shares.length + 1 + random.nextInt(50);
        }

        new MigrationPlan(mainPages, shares).assign(table);

        long[] placed = new long[shares.length];
        long main = 0;
        for (long page = 0; page < pages; page++) {
            int entry = table.get(page);
            if (PageEntry.has(entry, PageEntry.TO_SUB_HOST)) {
                placed[PageEntry.host(entry)]++;
            } else {
                main++;
            }
        }
        assertThat(main).isEqualTo(mainPages);
        assertThat(main + Arrays.stream(placed).sum()).isEqualTo(pages);
        for (int i = 0; i < shares.length; i++) {
            assertThat(placed[i]).isLessThanOrEqualTo(shares[i]);
        }
    }

    private interface Score {
        int of(long page);
    }

    private static PageTable tableOf(long pages, Score score) {
        ByteBuffer memory =
                ByteBuffer.allocateDirect((int) PageTable.bytesFor(pages)).order(ByteOrder.LITTLE_ENDIAN);
        PageTable table = new PageTable(memory, pages);
        for (long page = 0; page < pages; page++) {
            table.put(page, PageEntry.withAge(PageEntry.of(PageState.LOCAL), score.of(page)));
        }
        return table;
    }

    private static boolean isForMain(PageTable table, long page) {
        return !PageEntry.has(table.get(page), PageEntry.TO_SUB_HOST);
    }

    private static long countForMain(PageTable table) {
        long main = 0;
        for (long page = 0; page < table.pages(); page++) {
            main += isForMain(table, page) ? 1 : 0;
        }
        return main;
    }
}
