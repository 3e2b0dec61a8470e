package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageSet;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.testing.SeededTest;

class MigrationPlanTest {
    @Test
    void theHottestPagesGoToTheMainHost() {
        PagePlan plan = planOf(100);
        PageTable table = tableOf(100, page -> page >= 90 ? 3 : page >= 80 ? 1 : 0);

        new MigrationPlan(20, new long[] {200}).assign(table, plan);

        for (long page = 0; page < 100; page++) {
            assertThat(isForMain(plan, page)).as("page " + page).isEqualTo(page >= 80);
        }
    }

    @Test
    void whatIsLeftOfTheMainHostsShareIsFilledWithColdPages() {
        PagePlan plan = planOf(100);
        PageTable table = tableOf(100, page -> page >= 90 ? 3 : 0);

        new MigrationPlan(50, new long[] {200}).assign(table, plan);

        assertThat(countForMain(table, plan)).isEqualTo(50);
        assertThat(isForMain(plan, 95)).isTrue();
    }

    @Test
    void subHostsGetTheirPartsInLongRuns() {
        PagePlan plan = planOf(1000);
        PageTable table = tableOf(1000, page -> 0);

        new MigrationPlan(0, new long[] {600, 600, 600}).assign(table, plan);

        int changes = 0;
        for (long page = 1; page < 1000; page++) {
            changes += plan.target(page) == plan.target(page - 1) ? 0 : 1;
        }
        assertThat(changes).isEqualTo(2);
    }

    @Test
    void pagesThatAreNowhereAreNotPlanned() {
        PagePlan plan = planOf(10);
        PageTable table = tableOf(10, page -> 0);
        table.put(3, PageEntry.of(PageState.ZERO));

        new MigrationPlan(0, new long[] {10}).assign(table, plan);

        assertThat(plan.target(3)).isEqualTo(PagePlan.MAIN);
    }

    @Test
    void aPlanThatDoesNotFitIsRefusedWithTheNumbersAndChangesNothing() {
        PagePlan plan = planOf(100);
        PageTable table = tableOf(100, page -> 0);

        assertThatThrownBy(() -> new MigrationPlan(10, new long[] {40, 40}).assign(table, plan))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("100 pages are in use")
                .hasMessageContaining("10")
                .hasMessageContaining("80");
        assertThat(countForMain(table, plan)).isEqualTo(100);
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
        PagePlan plan = planOf(100);
        PageTable table = tableOf(100, page -> 0);
        for (long page = 60; page < 100; page++) {
            table.put(page, PageEntry.of(PageState.ZERO));
        }
        new MigrationPlan(40, new long[] {35, 40}).assign(table, plan);
        LatePages late = LatePages.after(60, new long[] {35, 40}, table, plan); // room for 20 is left at the main host

        for (long page = 60; page < 100; page++) {
            table.put(page, PageEntry.of(PageState.LOCAL));
            late.place(page);
        }

        assertThat(countForMain(table, plan)).isEqualTo(40 + 10);
    }

    @Test
    void pagesThatNobodyHasRoomForGoToTheMainHost() {
        PagePlan plan = planOf(10);
        PageTable table = tableOf(10, page -> 0); // nowhere is room but for 3 pages
        LatePages late = LatePages.after(10, new long[] {3}, table, plan);

        for (long page = 0; page < 10; page++) {
            late.place(page);
        }

        assertThat(countForMain(table, plan)).isEqualTo(7);
    }

    /** The VM's upper half was never used when the plan was made; then all of it is, from its end on. */
    @Test
    void latePagesGoToAnySubHostThatHasRoomWhereNoOtherPageOfTheirBlockIs() {
        long half = 4L * PagePlan.BLOCK_PAGES;
        PagePlan plan = planOf(2 * half);
        PageTable table = tableOf(2 * half, page -> 0);
        for (long page = half; page < 2 * half; page++) {
            table.put(page, PageEntry.of(PageState.ZERO));
        }
        long[] shares = {half, half};
        new MigrationPlan(0, shares).assign(table, plan);
        LatePages late = LatePages.after(0, shares, table, plan);

        for (long page = 2 * half - 1; page >= half; page--) {
            table.put(page, PageEntry.of(PageState.LOCAL));
            late.place(page);
        }

        long[] placed = new long[2];
        for (long page = 0; page < 2 * half; page++) {
            placed[plan.target(page)]++;
        }
        assertThat(placed).containsExactly(shares);
        assertThat(plan.target(0)).as("of the plan").isZero();
        assertThat(plan.target(half - 1)).as("of the plan").isEqualTo(1);
    }

    @Test
    void aPageOfASettledBlockIsNotPlannedForAnotherSubHost() {
        PagePlan plan = planOf(10);
        plan.planNext(2, 0);
        plan.planNext(6, 1);

        assertThat(plan.settledHost(5)).isZero();
        assertThat(plan.settledHost(7)).isEqualTo(1);
        assertThatThrownBy(() -> plan.planLate(7, 0)).hasMessageContaining("page 7 can go to sub-host 1");
        plan.planForMain(6);
        assertThat(plan.target(6)).isEqualTo(PagePlan.MAIN);
        assertThat(plan.settledHost(7)).isEqualTo(1);
        plan.planForMain(2);
        assertThat(plan.settledHost(7))
                .as("a block of which no page is planned")
                .isEqualTo(PagePlan.MAIN);
    }

    @SeededTest(runs = 200)
    void everyPageGetsExactlyOnePlaceAndNoLimitIsExceeded(long seed) {
        Random random = new Random(seed);
        long pages = 1L + random.nextInt(3000);
        PagePlan plan = planOf(pages);
        PageTable table = tableOf(pages, page -> random.nextInt(PageEntry.MAX_AGE + 1));
        long mainPages = random.nextInt((int) pages + 1);
        long[] shares = new long[1 + random.nextInt(PageEntry.MAX_HOMES)];
        for (int i = 0; i < shares.length; i++) {
            shares[i] = (pages - mainPages) / shares.length + 1 + random.nextInt(50);
        }

        new MigrationPlan(mainPages, shares).assign(table, plan);

        long[] placed = new long[shares.length];
        long main = 0;
        for (long page = 0; page < pages; page++) {
            int target = plan.target(page);
            if (target == PagePlan.MAIN) {
                main++;
            } else {
                placed[target]++;
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

    private static PagePlan planOf(long pages) {
        return new PagePlan(new PageSet(ByteBuffer.allocateDirect((int) PageSet.bytesFor(pages)), pages));
    }

    private static boolean isForMain(PagePlan plan, long page) {
        return plan.target(page) == PagePlan.MAIN;
    }

    private static long countForMain(PageTable table, PagePlan plan) {
        long main = 0;
        for (long page = 0; page < table.pages(); page++) {
            main += isForMain(plan, page) ? 1 : 0;
        }
        return main;
    }
}
