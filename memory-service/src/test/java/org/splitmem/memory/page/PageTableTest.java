package org.splitmem.memory.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.testing.SeededTest;

class PageTableTest {
    private static ByteBuffer file(long pages) {
        return ByteBuffer.allocateDirect((int) PageTable.bytesFor(pages));
    }

    @Test
    void aFreshTableIsAllZeroPages() {
        PageTable table = new PageTable(file(1001), 1001);

        assertThat(table.count(PageState.ZERO)).isEqualTo(1001);
        assertThat(table.resident()).isZero();
        assertThat(table.get(1000)).isZero();
    }

    @Test
    void aTableTakesTwoBytesAPage() {
        assertThat(PageTable.bytesFor(536_870_912)).isEqualTo(1L << 30);
        assertThat(PageTable.bytesFor(1)).isEqualTo(4096);
        assertThat(PageTable.bytesFor(2049)).isEqualTo(8192);
    }

    @Test
    void aStepFromAnotherEntryThanExpectedDoesNothing() {
        PageTable table = new PageTable(file(10), 10);
        int local = PageEntry.of(PageState.LOCAL);

        assertThat(table.step(3, local, PageEntry.of(PageState.OUTGOING, 1))).isFalse();

        assertThat(table.get(3)).isZero();
        assertThat(table.count(PageState.ZERO)).isEqualTo(10);
        assertThat(table.step(3, 0, local)).isTrue();
        assertThat(table.get(2)).isZero();
        assertThat(table.get(3)).isEqualTo(local);
    }

    @Test
    void remotePagesOfOneServerAreFoundAmongAllOthers() {
        PageTable table = new PageTable(file(1001), 1001);
        List<Long> expected = new ArrayList<>();
        Random random = new Random(1);
        for (long page = 0; page < 1001; page++) {
            PageState state = PageState.of(random.nextInt(8));
            int entry = state == PageState.ZERO ? PageEntry.of(state) : PageEntry.of(state, random.nextInt(16));
            int aged = PageEntry.withAge(entry, random.nextInt(8));
            table.put(page, aged);
            if (state == PageState.REMOTE && PageEntry.home(aged) == 9) {
                expected.add(page);
            }
        }
        table.put(1000, PageEntry.of(PageState.REMOTE, 9));
        expected.remove(1000L);
        expected.add(1000L);

        List<Long> found = new ArrayList<>();
        for (long page = table.nextRemote(0, 1001, 9); page < 1001; page = table.nextRemote(page + 1, 1001, 9)) {
            found.add(page);
        }

        assertThat(found).isEqualTo(expected).hasSizeGreaterThan(2);
        assertThat(table.nextRemote(1001, 1001, 9)).isEqualTo(1001);
        assertThat(table.nextRemote(0, expected.get(0), 9)).isEqualTo(expected.get(0));
    }

    @Test
    void aPageChangesFromOneStateOnlyAndKeepsWhatElseIsKnownOfIt() {
        PageTable table = new PageTable(file(10), 10);
        int hot = PageEntry.withAge(PageEntry.of(PageState.LOCAL) | PageEntry.SAMPLED, 3);
        table.put(5, hot);

        assertThat(table.change(5, PageState.REMOTE, PageState.ZERO)).isFalse();
        assertThat(table.get(5)).isEqualTo(hot);
        assertThat(table.change(5, PageState.LOCAL, PageState.OUTGOING)).isTrue();

        assertThat(table.get(5)).isEqualTo(PageEntry.withState(hot, PageState.OUTGOING));
        assertThat(table.count(PageState.OUTGOING)).isEqualTo(1);
        assertThat(table.count(PageState.LOCAL)).isZero();
    }

    @Test
    void pagesOutsideTheVmAreRefused() {
        PageTable table = new PageTable(file(10), 10);

        assertThatThrownBy(() -> table.get(10)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> table.get(-1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> table.step(10, 0, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> table.put(1L << 33, 1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void aTableThatIsTooSmallIsRefused() {
        assertThatThrownBy(() -> new PageTable(file(10), 100_000)).hasMessageContaining("100000 pages");
        assertThatThrownBy(() -> new PageTable(file(10), 0)).isInstanceOf(IllegalArgumentException.class);
    }

    /** The counts, looked at page by page. */
    private static void assertCountsMatch(PageTable table) {
        long[] states = new long[8];
        long[] remote = new long[PageEntry.MAX_HOMES];
        long fromSource = 0;
        for (long page = 0; page < table.pages(); page++) {
            int entry = table.get(page);
            states[PageEntry.state(entry).code()]++;
            if (PageEntry.state(entry) == PageState.REMOTE) {
                remote[PageEntry.home(entry)]++;
            }
            boolean incoming = PageEntry.state(entry) == PageState.INCOMING;
            if (incoming && PageEntry.has(entry, PageEntry.FROM_SOURCE)) {
                fromSource++;
            }
        }
        for (PageState state : PageState.values()) {
            assertThat(table.count(state)).as(state.toString()).isEqualTo(states[state.code()]);
        }
        for (int host = 0; host < remote.length; host++) {
            assertThat(table.countRemote(host)).as("host " + host).isEqualTo(remote[host]);
        }
        assertThat(table.awaitedFromSource()).isEqualTo(states[PageState.AT_SOURCE.code()] + fromSource);
        assertThat(table.elsewhere())
                .isEqualTo(table.pages() - states[PageState.ZERO.code()] - states[PageState.LOCAL.code()]);
        assertThat(table.resident())
                .isEqualTo(table.pages()
                        - states[PageState.ZERO.code()]
                        - states[PageState.REMOTE.code()]
                        - states[PageState.AT_SOURCE.code()]);
    }

    @SeededTest(runs = 20)
    void theCountsFollowEveryStep(long seed) {
        Random random = new Random(seed);
        int pages = 1 + random.nextInt(300);
        ByteBuffer file = file(pages);
        PageTable table = new PageTable(file, pages);
        int[] model = new int[pages];
        for (int i = 0; i < 5_000; i++) {
            int page = random.nextInt(pages);
            int next = random.nextInt(1 << 16);
            switch (random.nextInt(3)) {
                case 0 -> {
                    int expected = random.nextBoolean() ? model[page] : random.nextInt(1 << 16);
                    boolean fits = expected == model[page];
                    assertThat(table.step(page, expected, next)).isEqualTo(fits);
                    model[page] = fits ? next : model[page];
                }
                case 1 -> {
                    assertThat(table.put(page, next)).isEqualTo(model[page]);
                    model[page] = next;
                }
                default -> {
                    PageState from = PageState.of(random.nextInt(8));
                    PageState to = PageState.of(random.nextInt(8));
                    boolean fits = PageEntry.state(model[page]) == from;
                    assertThat(table.change(page, from, to)).isEqualTo(fits);
                    model[page] = fits ? PageEntry.withState(model[page], to) : model[page];
                }
            }
        }

        for (int page = 0; page < pages; page++) {
            assertThat(table.get(page)).isEqualTo(model[page]);
        }
        assertCountsMatch(table);
        assertCountsMatch(new PageTable(file, pages)); // as the next daemon finds it
    }

    @Test
    void threadsThatStepNeighboursLoseNoUpdate() throws Exception {
        int pages = 8;
        int perThread = 20_000;
        PageTable table = new PageTable(file(pages), pages);
        CountDownLatch start = new CountDownLatch(1);
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < pages; t++) {
            int page = t;
            Thread thread = new Thread(() -> {
                await(start);
                for (int i = 0; i < perThread; i++) { // each counts in its own entry; none may be lost to a neighbour
                    int entry = table.get(page);
                    if (!table.step(page, entry, (entry + 1) & 0xFFFF)) {
                        throw new IllegalStateException("another thread stepped page " + page);
                    }
                }
            });
            threads.add(thread);
            thread.start();
        }

        start.countDown();

        for (Thread thread : threads) {
            thread.join();
        }
        for (int page = 0; page < pages; page++) {
            assertThat(table.get(page)).isEqualTo(perThread);
        }
        assertCountsMatch(table);
    }

    /** The source frees a page as soon as none is awaited; here one always is. */
    @Test
    void aPageThatIsAskedForAgainAndAgainIsAwaitedAllTheTime() throws Exception {
        PageTable table = new PageTable(file(10), 10);
        int atSource = PageEntry.of(PageState.AT_SOURCE);
        int incoming = PageEntry.of(PageState.INCOMING) | PageEntry.FROM_SOURCE;
        table.put(3, atSource);

        whileMoving(
                table,
                3,
                atSource,
                incoming,
                () -> assertThat(table.awaitedFromSource()).isPositive());

        assertThat(table.awaitedFromSource()).isEqualTo(1);
    }

    /** A VM is whole, and its memory servers free what they have, as soon as no page is elsewhere. */
    @Test
    void aPageThatIsAskedForAgainAndAgainIsElsewhereAllTheTime() throws Exception {
        PageTable table = new PageTable(file(10), 10);
        int remote = PageEntry.of(PageState.REMOTE, 2);
        int incoming = PageEntry.of(PageState.INCOMING, 2);
        table.put(3, remote);

        whileMoving(
                table, 3, remote, incoming, () -> assertThat(table.elsewhere()).isPositive());

        assertThat(table.elsewhere()).isEqualTo(1);
    }

    /** A thread moves the page to and fro while the check is made many times. */
    private static void whileMoving(PageTable table, long page, int one, int other, Runnable check) throws Exception {
        AtomicBoolean over = new AtomicBoolean();
        Thread mover = new Thread(() -> {
            while (!over.get()) {
                table.step(page, one, other);
                table.step(page, other, one);
            }
        });
        mover.start();
        try {
            for (int i = 0; i < 3_000_000; i++) {
                check.run();
            }
        } finally {
            over.set(true);
            mover.join();
        }
    }

    @Test
    void onlyOneOfManyThreadsWinsAStep() throws Exception {
        int pages = 20_000;
        PageTable table = new PageTable(file(pages), pages);
        CountDownLatch start = new CountDownLatch(1);
        long[] won = new long[4];
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < won.length; t++) {
            int me = t;
            Thread thread = new Thread(() -> {
                await(start);
                for (long page = 0; page < pages; page++) {
                    if (table.step(page, 0, PageEntry.of(PageState.REMOTE, me))) {
                        won[me]++;
                    }
                }
            });
            threads.add(thread);
            thread.start();
        }

        start.countDown();

        for (Thread thread : threads) {
            thread.join();
        }
        for (int host = 0; host < won.length; host++) {
            assertThat(table.countRemote(host)).isEqualTo(won[host]);
        }
        assertThat(table.count(PageState.REMOTE)).isEqualTo(pages);
        assertCountsMatch(table);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
