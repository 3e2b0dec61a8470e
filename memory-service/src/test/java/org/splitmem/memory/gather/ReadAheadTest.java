package org.splitmem.memory.gather;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.remote.PageOutClient;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.RunList;

/** What the memory servers have is older than what the source sends, and never takes its place. */
class ReadAheadTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000002");
    private static final String HEIR = "0e12".repeat(16);
    private static final long PAGES = 4_000;
    private static final int OLDER = 1;
    private static final int NEWER = 2;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final Map<FaultPoint, Runnable> points = new EnumMap<>(FaultPoint.class);
    private Lender h3;
    private GuestMemory memory;
    private PageTable table;
    private ReadAhead ahead;

    @BeforeEach
    void start() throws Exception {
        h3 = new Lender("h3", directory.resolve("h3")).reserve(VM, PAGES, Pages.toBytes(PAGES));
        GuestMemory atSource = TestMemory.of(Files.createDirectory(directory.resolve("source")), PAGES);
        try (PageOutClient owner = new PageOutClient(h3.endpoint(VM, 1, PAGES), atSource)) {
            GuestContent.write(atSource, 0, PAGES, OLDER);
            owner.adopt(1);
            for (long page = 0; page < PAGES; page += 200) {
                RunList runs = new RunList();
                runs.add(page, 200);
                owner.store(runs, damaged -> {
                    throw new AssertionError("page " + damaged + " is damaged");
                });
            }
        } finally {
            atSource.close();
        }
        h3.server().setNextOwner(VM, Lender.TOKEN, new StoreRecord.Next("h2", HEIR, 2));
        memory = TestMemory.of(Files.createDirectory(directory.resolve("destination")), PAGES);
        table = PageTable.make(ByteBuffer.allocateDirect((int) PageTable.bytesFor(PAGES)), PAGES);
        ahead = with(0);
    }

    private ReadAhead with(long bytesPerSecond) {
        Endpoint heirs = new Endpoint("h3", h3.address(), VM, HEIR, 2, PAGES);
        return new ReadAhead(new ReadAhead.Vm("db1", memory, table, Map.of(0, heirs), bytesPerSecond, this::reached));
    }

    private void reached(FaultPoint point) {
        points.getOrDefault(point, () -> {}).run();
    }

    @AfterEach
    void end() {
        ahead.close();
        h3.close();
        memory.close();
    }

    private void begin() {
        ahead.start(task -> new Thread(task).start());
    }

    private void place(long first, long count) {
        for (long page = first; page < first + count; page++) {
            ahead.placed(page, 0);
        }
    }

    /** As a stream does. */
    private void fromSource(long first, long count) throws Exception {
        ahead.beaten(first, count);
        GuestContent.write(memory, first, count, NEWER);
    }

    private void requireContent(long first, long count, int version) throws Exception {
        for (long page = first; page < first + count; page++) {
            assertThat(GuestContent.matches(memory, page, version))
                    .as("page " + page + " has version " + version)
                    .isTrue();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void whatTheServersHaveIsHereBeforeTheGuestAndStaysThere() throws Exception {
        begin();
        place(0, PAGES / 2); // the source goes on telling while it is read
        Await.until("half is here", () -> table.count(PageState.LOCAL) == PAGES / 2);
        place(PAGES / 2, PAGES / 2);
        Await.until("all is here", () -> table.count(PageState.LOCAL) == PAGES);

        ahead.close();

        requireContent(0, PAGES, OLDER);
        assertThat(h3.server().heldBytes()).isEqualTo(Pages.toBytes(PAGES));
    }

    @Test
    void whatTheSourceSendsFirstIsNotWrittenOver() throws Exception {
        fromSource(10, 20); // its streams are faster than its word of where pages are
        place(0, PAGES);
        fromSource(100, 20);

        begin();
        Await.until("all is here", () -> table.count(PageState.LOCAL) == PAGES);
        ahead.close();

        requireContent(10, 20, NEWER);
        requireContent(100, 20, NEWER);
        requireContent(30, 70, OLDER);
    }

    @Test
    void whatTheSourceSendsWhileItIsAskedForIsNotWrittenOver() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch sent = new CountDownLatch(1);
        points.put(FaultPoint.AHEAD_CLAIMED, () -> {
            asked.countDown();
            await(sent);
        });
        place(0, 50);
        begin();
        await(asked);

        fromSource(10, 20);
        sent.countDown();
        Await.until("all is here", () -> table.count(PageState.LOCAL) == 50);
        ahead.close();

        requireContent(10, 20, NEWER);
        requireContent(0, 10, OLDER);
    }

    @Test
    void whatTheSourceSendsWhileAnOlderCopyIsWrittenWaitsForThat() throws Exception {
        CountDownLatch writing = new CountDownLatch(1);
        CountDownLatch written = new CountDownLatch(1);
        points.put(FaultPoint.AHEAD_STORED, () -> {
            writing.countDown();
            await(written);
        });
        place(0, 4);
        begin();
        await(writing);
        AtomicBoolean isSent = new AtomicBoolean();
        Thread stream = new Thread(() -> {
            try {
                fromSource(0, 4);
                isSent.set(true);
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });

        stream.start();
        Await.until("it waits", () -> isWithin(stream, "awaitBeaten"));
        assertThat(isSent).isFalse();
        written.countDown();
        stream.join();
        ahead.close();

        requireContent(0, 4, NEWER);
    }

    private static boolean isWithin(Thread thread, String method) {
        return Arrays.stream(thread.getStackTrace())
                .anyMatch(frame -> frame.getMethodName().equals(method));
    }

    @Test
    void oneThatEndsInTheMiddleLeavesTheRestWhereItIs() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        points.put(FaultPoint.AHEAD_CLAIMED, asked::countDown);
        ahead = with(100 * Pages.SIZE);
        place(0, PAGES);
        begin();
        await(asked);

        ahead.close();

        for (long page = 0; page < PAGES; page++) {
            int entry = table.get(page);
            assertThat(PageEntry.state(entry)).isIn(PageState.LOCAL, PageState.REMOTE);
            assertThat(GuestContent.matches(memory, page, OLDER) || PageEntry.state(entry) == PageState.REMOTE)
                    .isTrue();
        }
        assertThat(table.count(PageState.REMOTE)).isPositive();
    }

    @Test
    void aServerThatIsAwayLeavesItsPagesToTheNewOwner() throws Exception {
        h3.goAway();
        place(0, PAGES);

        begin();
        ahead.close();

        assertThat(table.countRemote(0)).isEqualTo(PAGES);
    }
}
