package org.splitmem.memory.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.testing.SeededTest;

class PageSetTest {
    private static PageSet of(long pages) {
        return new PageSet(ByteBuffer.allocateDirect((int) PageSet.bytesFor(pages)), pages);
    }

    /** Against the set of the Java library; the last word is whole, half full, or of one page. */
    @SeededTest(runs = 50)
    void itIsASet(long seed) {
        Random random = new Random(seed);
        int pages = 1 + random.nextInt(300);
        PageSet set = of(pages);
        TreeSet<Long> expected = new TreeSet<>();
        for (int i = random.nextInt(600); i > 0; i--) {
            long page = random.nextInt(pages);
            if (random.nextInt(3) > 0) {
                assertThat(set.add(page)).isEqualTo(expected.add(page));
            } else {
                assertThat(set.remove(page)).isEqualTo(expected.remove(page));
            }
            assertThat(set.contains(page)).isEqualTo(expected.contains(page));
        }
        assertThat(set.count()).isEqualTo(expected.size());
        for (long end = 0; end <= pages; end++) {
            long from = random.nextInt((int) end + 1);
            Long next = expected.ceiling(from);
            assertThat(set.next(from, end)).isEqualTo(next == null || next >= end ? end : next);
        }
    }

    @Test
    void pagesOutsideTheVmAreRefused() {
        PageSet set = of(10);

        assertThatThrownBy(() -> set.contains(10)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> set.add(-1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> set.remove(64)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> set.next(0, 11)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void aSetThatIsTooSmallIsRefused() {
        ByteBuffer bits = ByteBuffer.allocateDirect(4096);

        assertThatThrownBy(() -> new PageSet(bits, 100_000)).hasMessageContaining("100000 pages");
        assertThatThrownBy(() -> new PageSet(bits, 0)).isInstanceOf(IllegalArgumentException.class);
    }
}
