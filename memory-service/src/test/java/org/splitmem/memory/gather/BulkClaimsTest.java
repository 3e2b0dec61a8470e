package org.splitmem.memory.gather;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.wire.RunList;

/** Lanes that claim the pages of server 3. */
class BulkClaimsTest {
    private static final int HOST = 3;
    private static final long STRIPE = BulkClaims.STRIPE;
    private static final long PAGES = 5 * STRIPE + 7;

    private final PageTable table = table(PAGES);

    private static PageTable table(long pages) {
        PageTable table = new PageTable(ByteBuffer.allocateDirect((int) PageTable.bytesFor(pages)), pages);
        for (long page = 0; page < pages; page++) {
            table.put(page, PageEntry.of(PageState.REMOTE, page % 100 == 99 ? HOST + 1 : HOST));
        }
        return table;
    }

    private static List<Long> claimAll(BulkClaims claims) {
        List<Long> claimed = new ArrayList<>();
        RunList pages = new RunList();
        do {
            pages.clear();
            claims.claim(pages, RunList.MAX_PAGES);
            for (int run = 0; run < pages.runs(); run++) {
                for (long page = pages.first(run); page < pages.first(run) + pages.count(run); page++) {
                    claimed.add(page);
                }
            }
        } while (!pages.isEmpty());
        return claimed;
    }

    @Test
    void lanesClaimEachPageOfTheServerOnceAndNoneOfAnothersStripe() {
        List<BulkClaims> lanes = IntStream.range(0, 3)
                .mapToObj(lane -> new BulkClaims(table, HOST, lane, 3))
                .toList();
        long claimed = 0;
        for (int lane = 0; lane < 3; lane++) {
            int own = lane;
            assertThat(lanes.get(lane).begin()).isTrue();
            List<Long> pages = claimAll(lanes.get(lane));
            assertThat(pages).isSorted().allMatch(page -> page / STRIPE % 3 == own);
            assertThat(lanes.get(lane).claimed()).isEqualTo(pages.size());
            assertThat(lanes.get(lane).isAtEnd()).isTrue();
            claimed += pages.size();
        }
        assertThat(claimed).isEqualTo(PAGES - PAGES / 100);
        assertThat(table.countRemote(HOST + 1)).isEqualTo(PAGES / 100);
    }

    /** An answer on another connection may still bring it: only who has asked for it may ask once more. */
    @Test
    void whatALaneGivesBackNoOtherClaims() {
        BulkClaims first = new BulkClaims(table, HOST, 0, 2);
        BulkClaims second = new BulkClaims(table, HOST, 1, 2);
        RunList asked = new RunList();
        first.claim(asked, 64);
        first.giveBack(asked);

        assertThat(claimAll(second)).allMatch(page -> page / STRIPE % 2 == 1);
        assertThat(claimAll(first)).startsWith(0L, 1L, 2L);
    }

    @Test
    void aSmallTableHasNoStripeForASecondLane() {
        assertThat(new BulkClaims(table(STRIPE), HOST, 1, 2).hasAny()).isFalse();
        assertThat(new BulkClaims(table(STRIPE + 1), HOST, 1, 2).hasAny()).isTrue();
    }
}
