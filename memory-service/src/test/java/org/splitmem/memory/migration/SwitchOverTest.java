package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.memory.fault.ChunkSeal.CHUNK_PAGES;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.SocketPair;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.PlacementList;
import org.splitmem.memory.wire.RunList;
import org.splitmem.model.Handover;

/** The last scan of a guest of many chunks, nearly all of them holes, as the destination hears of it. */
class SwitchOverTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final int CHUNKS = 20; // more than there are threads
    private static final long PAGES = (CHUNKS - 1) * CHUNK_PAGES + 100;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final Writes writes = new Writes();
    private final CountDownLatch heard = new CountDownLatch(1);
    private final AtomicInteger told = new AtomicInteger();
    private GuestMemory memory;
    private PageTable table;
    private TransferLog transfers;
    private Lender main;
    private StreamGroup streams;
    private RoundSender sender;
    private SocketPair sockets;
    private ControlLink control;
    private FrameSocket destination;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), CHUNK_PAGES + 7, PAGES - CHUNK_PAGES - 7);
        table = new PageTable(ByteBuffer.allocateDirect((int) PageTable.bytesFor(PAGES)), PAGES);
        transfers = new TransferLog(PAGES);
        main = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, Pages.toBytes(PAGES));
        streams = new StreamGroup(PagePlan.MAIN, main.endpoint(VM, 1, PAGES));
        streams.open(2, memory, new RateLimiter(0));
        sender = new RoundSender(false, table, transfers, List.of(streams));
        sockets = SocketPair.open();
        control = new ControlLink(new FrameSocket(sockets.near()), PAGES, heard::countDown);
        control.start();
        destination = new FrameSocket(sockets.far());
    }

    @AfterEach
    void end() {
        streams.abort();
        sender.close();
        streams.close();
        main.close();
        destination.close();
        control.close();
        memory.close();
        transfers.close();
    }

    private void fill(long page, long count) throws IOException {
        GuestContent.write(memory, page, count, 1);
    }

    private long run(Handover handover) throws IOException {
        DirtyPages dirty = new DirtyPages(memory, table, transfers, () -> writes);
        return new SwitchOver(dirty, control, sender, PAGES, this::reached).run(handover);
    }

    private void reached(FaultPoint point) {
        assertThat(point).isEqualTo(FaultPoint.TOLD_DIRTY);
        told.incrementAndGet();
    }

    /** Hears everything up to the end: the dirty set of each chunk, whose frames must come together. */
    private Map<Integer, NavigableSet<Long>> hear() throws IOException {
        Map<Integer, NavigableSet<Long>> sets = new TreeMap<>();
        RunList runs = new RunList();
        int current = -1;
        while (destination.receive() && destination.type() != FrameType.FLUSH) {
            if (destination.type() == FrameType.PLACE) {
                new PlacementList().receive(destination, PAGES, 0);
                assertThat(sets).isEmpty();
                continue;
            }
            assertThat(destination.type()).isEqualTo(FrameType.DIRTY);
            int chunk = (int) destination.rawPage();
            boolean first = sets.putIfAbsent(chunk, new TreeSet<>()) == null;
            assertThat(first ? -1 : chunk).as("the chunk that is being told").isEqualTo(current);
            current = destination.value() == 1 ? -1 : chunk;
            runs.receive(destination, PAGES, PAGES);
            for (int run = 0; run < runs.runs(); run++) {
                for (long page = runs.first(run); page < runs.first(run) + runs.count(run); page++) {
                    sets.get(chunk).add(page);
                }
            }
        }
        assertThat(current).as("a chunk that was not told whole").isEqualTo(-1);
        return sets;
    }

    private CompletableFuture<Map<Integer, NavigableSet<Long>>> hearing() {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return hear();
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
    }

    @Test
    void everyChunkIsToldOnceAndWhole() throws Exception {
        long scattered = 5 * CHUNK_PAGES;
        fill(scattered, 3000);
        for (long page = scattered; page < scattered + 3000; page += 2) { // more runs than a frame takes
            writes.of(page);
        }
        fill(CHUNK_PAGES - 1, 2);
        writes.of(CHUNK_PAGES - 1, CHUNK_PAGES, CHUNK_PAGES + 1); // the last one is a hole
        fill(PAGES - 1, 1);
        table.put(PAGES - 1, PageEntry.of(PageState.LOCAL));
        transfers.plan().planNext(PAGES - 1, 0);
        writes.of(PAGES - 1);
        var hearing = hearing();

        long found = run(Handover.HYBRID);

        Map<Integer, NavigableSet<Long>> sets = hearing.get(10, TimeUnit.SECONDS);
        assertThat(sets).hasSize(CHUNKS);
        assertThat(sets.get(0)).containsExactly(CHUNK_PAGES - 1);
        assertThat(sets.get(1)).containsExactly(CHUNK_PAGES);
        assertThat(sets.get(5)).hasSize(1500).contains(scattered, scattered + 2998);
        assertThat(sets.get(CHUNKS - 1)).containsExactly(PAGES - 1);
        assertThat(found).isEqualTo(1503);
        assertThat(told).hasValue(CHUNKS);
        assertThat(transfers.plan().target(PAGES - 1)).isEqualTo(PagePlan.MAIN);
        assertThat(writes.rearmed()).containsOnly(false);
    }

    @Test
    void aChunkThatTheGuestWaitsForIsScannedFirst() throws Exception {
        int wanted = CHUNKS - 1;
        CountDownLatch scanned = new CountDownLatch(1);
        writes.before(chunk -> {
            if (chunk == wanted) {
                scanned.countDown();
            }
            try {
                if (!scanned.await(10, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("chunk " + chunk + " comes first");
                }
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        destination.send(FrameType.WANT_CHUNK, wanted, 0, 0);
        assertThat(heard.await(10, TimeUnit.SECONDS)).isTrue();
        var hearing = hearing();

        run(Handover.HYBRID);

        assertThat(hearing.get(10, TimeUnit.SECONDS)).hasSize(CHUNKS);
    }

    @Test
    void allOfAChunkThatCannotBeScannedCountsAsWritten() throws Exception {
        fill(2 * CHUNK_PAGES + 50, 3);
        fill(3 * CHUNK_PAGES, 1);
        writes.before(chunk -> {
            if (chunk == 2) {
                throw new LinuxException("QEMU is gone", 3);
            }
        });
        var hearing = hearing();

        assertThat(run(Handover.HYBRID)).isEqualTo(3);

        Map<Integer, NavigableSet<Long>> sets = hearing.get(10, TimeUnit.SECONDS);
        assertThat(sets.get(2)).containsExactly(2 * CHUNK_PAGES + 50, 2 * CHUNK_PAGES + 51, 2 * CHUNK_PAGES + 52);
        assertThat(sets.get(3)).isEmpty();
    }

    @Test
    void aFailureInAnyThreadEndsIt() throws Exception {
        IllegalStateException bug = new IllegalStateException("a bug");
        writes.before(chunk -> {
            if (chunk == 1) {
                throw bug;
            }
        });

        assertThatThrownBy(() -> run(Handover.HYBRID)).isSameAs(bug);

        sockets.near().shutdown();
        assertThat(hear()).doesNotContainKey(1); // nor did the end come
        assertThatThrownBy(() -> run(Handover.HYBRID)).isInstanceOf(Exception.class);
    }

    @Test
    void aDestinationThatIsGoneEndsIt() {
        destination.close();

        assertThatThrownBy(() -> {
                    for (int i = 0; i < 100; i++) { // the first frames may get lost unnoticed
                        run(Handover.HYBRID);
                    }
                })
                .isInstanceOf(IOException.class);
    }

    @Test
    void inACompleteHandoverEverythingIsSentBeforeAnyChunkOpens() throws Exception {
        fill(7, 1);
        fill(4 * CHUNK_PAGES, 1);
        writes.of(7, 4 * CHUNK_PAGES);
        var hearing = hearing();

        assertThat(run(Handover.COMPLETE)).isEqualTo(2);

        Map<Integer, NavigableSet<Long>> sets = hearing.get(10, TimeUnit.SECONDS);
        assertThat(sets)
                .hasSize(CHUNKS)
                .allSatisfy((chunk, set) -> assertThat(set).isEmpty());
        assertThat(main.server().heldBytes()).isEqualTo(Pages.toBytes(2));
        assertThat(table.get(7)).isEqualTo(PageEntry.of(PageState.LOCAL));
        assertThat(transfers.unannounced().count()).as("they are announced").isZero();
    }

    /** A page that is damaged each time it is sent the destination has to ask for itself. */
    @Test
    void inACompleteHandoverWhatCannotBeSentWholeIsTold() throws Exception {
        long bad = 4 * CHUNK_PAGES;
        main.behind(frame -> {
            for (int i = 0; i < frame.pages(); i++) {
                frame.flipInPage(i);
            }
        });
        StreamGroup through = new StreamGroup(PagePlan.MAIN, main.endpoint(VM, 1, PAGES));
        through.open(1, memory, new RateLimiter(0));
        fill(bad, 1);
        writes.of(bad);
        var hearing = hearing();

        try (RoundSender rounds = new RoundSender(false, table, transfers, List.of(through))) {
            DirtyPages dirty = new DirtyPages(memory, table, transfers, () -> writes);
            new SwitchOver(dirty, control, rounds, PAGES, this::reached).run(Handover.COMPLETE);
        } finally {
            through.close();
        }

        Map<Integer, NavigableSet<Long>> sets = hearing.get(10, TimeUnit.SECONDS);
        assertThat(sets).hasSize(CHUNKS);
        assertThat(sets.get(4)).containsExactly(bad);
        assertThat(sets.get(3)).isEmpty();
        assertThat(main.server().heldBytes()).isZero();
    }
}
