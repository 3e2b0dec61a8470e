package org.splitmem.memory.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.remote.Endpoint;
import org.splitmem.memory.remote.PageInClient;
import org.splitmem.memory.remote.PageOutClient;
import org.splitmem.memory.remote.PageSink;
import org.splitmem.memory.stream.Flushes;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.FrameType;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RunList;
import org.splitmem.model.RefusedException;

/** A memory server and its clients over TCP. */
class MemoryServerTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long PAGES = 1000;
    private static final long RESERVED = Pages.toBytes(600);

    private static final Flushes.Damaged NONE = page -> {
        throw new AssertionError("page " + page + " is damaged");
    };

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Lender h2;
    private GuestMemory memory;
    private PageOutClient out;

    @BeforeEach
    void start() throws Exception {
        h2 = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, RESERVED);
        memory = TestMemory.of(directory.path(), 300, 700);
        GuestContent.write(memory, 0, PAGES, 1);
        out = new PageOutClient(endpoint(), memory);
    }

    @AfterEach
    void end() {
        out.close();
        h2.close();
        memory.close();
    }

    private Endpoint endpoint() {
        return h2.endpoint(VM, 1, PAGES);
    }

    private static RunList runs(long from, long count) {
        RunList runs = new RunList();
        runs.add(from, count);
        return runs;
    }

    /** Fetches pages, and looks at them. */
    private void fetch(long from, long count) throws Exception {
        BlockingQueue<String> done = new LinkedBlockingQueue<>();
        NativeBlock place = new NativeBlock(Pages.SIZE);
        PageSink sink = new PageSink() {
            @Override
            public long address(long page) {
                return place.address();
            }

            @Override
            public boolean arrived(long page, int checksum, long askedNs) {
                done.add(page + " " + GuestContent.matches(place.buffer(), page, 1));
                return true;
            }

            @Override
            public void failed(long page, String reason) {
                done.add(page + " " + reason);
            }
        };
        try (PageInClient in = new PageInClient(endpoint(), sink)) {
            in.start();
            for (long page = from; page < from + count; page++) {
                in.request(page, 0);
                assertThat(done.poll(10, TimeUnit.SECONDS)).isEqualTo(page + " true");
            }
        }
    }

    @Test
    void pagesComeBackAsTheyWereStoredAlsoAcrossBackends() throws Exception {
        out.store(runs(100, 400), NONE);
        GuestContent.write(memory, 0, PAGES, 2);

        fetch(100, 400);

        assertThat(h2.server().heldBytes()).isEqualTo(Pages.toBytes(400));
    }

    @Test
    void aReservationThatIsFullStoresNothingOfAFrame() throws Exception {
        out.store(runs(0, 300), NONE);
        out.store(runs(300, 290), NONE);

        PeerException refusal = catchThrowableOfType(PeerException.class, () -> out.store(runs(590, 11), NONE));

        assertThat(refusal.code()).isEqualTo(ErrorCode.FULL);
        assertThat(refusal).hasMessageContaining("2457600 B are reserved").hasMessageContaining("2416640 B are used");
        assertThat(h2.server().heldBytes()).isEqualTo(Pages.toBytes(590));
        out.store(runs(590, 10), NONE);
        out.store(runs(0, 500), NONE); // pages that are there already need no room
        assertThat(h2.server().heldBytes()).isEqualTo(RESERVED);
    }

    private PeerException refusal(Endpoint endpoint, Hello.Role role) {
        return catchThrowableOfType(PeerException.class, () -> {
            try (FrameSocket s = endpoint.connect(role)) {
                throw new AssertionError("welcome, " + s.peer());
            }
        });
    }

    @Test
    void aWrongTokenIsRefusedAsIfTheVmWereUnknown() {
        Endpoint e = endpoint();

        PeerException refusal =
                refusal(new Endpoint("h2", e.address(), VM, "0".repeat(64), 1, PAGES), Hello.Role.PAGE_IN);

        assertThat(refusal.code()).isEqualTo(ErrorCode.UNKNOWN_VM);
        assertThat(refusal).hasMessageContaining(VM.toString()).hasMessageContaining("PAGE_IN");
    }

    @Test
    void anUnknownVmIsRefused() {
        PeerException refusal = refusal(h2.endpoint(UUID.randomUUID(), 1, PAGES), Hello.Role.PAGE_OUT);

        assertThat(refusal.code()).isEqualTo(ErrorCode.UNKNOWN_VM);
    }

    @Test
    void anotherNumberOfPagesIsRefused() {
        PeerException refusal = refusal(h2.endpoint(VM, 1, PAGES + 1), Hello.Role.STREAM);

        assertThat(refusal.code()).isEqualTo(ErrorCode.BAD_FRAME);
        assertThat(refusal).hasMessageContaining("1000 pages here, 1001 were named");
    }

    @Test
    void anOlderOwnerIsRefusedOnceANewerCame() throws Exception {
        out.store(runs(0, 1), NONE);
        try (PageOutClient newer = new PageOutClient(h2.endpoint(VM, 2, PAGES), memory)) {
            newer.adopt(2);

            PeerException open = catchThrowableOfType(PeerException.class, () -> out.store(runs(1, 1), NONE));
            PeerException later = refusal(endpoint(), Hello.Role.PAGE_IN);

            assertThat(open.code()).isEqualTo(ErrorCode.STALE_EPOCH);
            assertThat(later.code()).isEqualTo(ErrorCode.STALE_EPOCH);
            assertThat(later).hasMessageContaining("epoch 1 was shown, the newest is 2");
            newer.store(runs(1, 1), NONE);
        }
        h2.goAway();
        h2.comeBack();
        assertThat(refusal(endpoint(), Hello.Role.PAGE_IN).code()).isEqualTo(ErrorCode.STALE_EPOCH);
    }

    @Test
    void aStoreSurvivesItsDaemon() throws Exception {
        out.store(runs(10, 200), NONE);
        out.close();
        h2.goAway();
        GuestContent.write(memory, 0, PAGES, 2);

        h2.comeBack();

        assertThat(h2.server().lentBytes()).isEqualTo(RESERVED);
        assertThat(h2.server().heldBytes()).isEqualTo(Pages.toBytes(200));
        fetch(10, 200);
    }

    @Test
    void droppedPagesAreFreedInMemoryToo() throws Exception {
        Path pages = directory.resolve("h2").resolve(VM.toString()).resolve("pages");
        out.store(runs(0, 500), NONE);
        assertThat(MemoryDirectory.allocatedBytes(pages)).isEqualTo(Pages.toBytes(500));

        for (long page = 100; page < 400; page++) {
            out.drop(page);
        }
        out.flushDrops();

        Await.until("they are dropped", () -> h2.server().heldBytes() == Pages.toBytes(200));
        Await.until("they are freed", () -> MemoryDirectory.allocatedBytes(pages) == Pages.toBytes(200));
        out.store(runs(500, 400), NONE); // the room is free too
    }

    @Test
    void aReleasedStoreIsGone() throws Exception {
        out.store(runs(0, 100), NONE);

        assertThat(h2.server().release(VM, "another token")).isFalse();
        assertThat(h2.server().release(VM, Lender.TOKEN)).isTrue();

        assertThat(h2.server().lentBytes()).isZero();
        assertThat(directory.resolve("h2").resolve(VM.toString())).doesNotExist();
        out.close();
        assertThat(refusal(endpoint(), Hello.Role.PAGE_IN).code()).isEqualTo(ErrorCode.UNKNOWN_VM);
        h2.reserve(VM, PAGES, RESERVED);
    }

    @Test
    void aStoreThatWasNeverAcknowledgedIsClearedAway() throws Exception {
        Path half = Files.createDirectories(
                directory.resolve("h2").resolve(UUID.randomUUID().toString()));
        Files.createFile(half.resolve("pages"));
        h2.goAway();

        h2.comeBack();

        assertThat(half).doesNotExist();
        assertThat(h2.server().lentBytes()).isEqualTo(RESERVED);
    }

    /** An owner's page-ins and page-outs come on connections of their own. */
    @Test
    void aStoreThatIsAdoptedByManyAtOnceKeepsAWholeRecord() throws Exception {
        Path store = directory.resolve("many");
        PageStore many =
                PageStore.make(store, new StoreRecord(VM, Lender.TOKEN, 0, PAGES, RESERVED, "h1", null, false));
        List<Callable<Void>> owners = Collections.nCopies(400, () -> {
            many.adopt(many.sender(new Hello(Hello.Role.PAGE_OUT, VM, Lender.TOKEN, 1, PAGES)));
            return null;
        });
        ExecutorService threads = Executors.newFixedThreadPool(4);

        for (Future<Void> adopted : threads.invokeAll(owners)) {
            adopted.get();
        }
        threads.shutdown();

        assertThat(StoreRecord.load(store).epoch()).isEqualTo(1);
        many.delete();
    }

    /** Both stores share a directory, and a connection of the former owner may be in the middle of it. */
    @Test
    void whoAdoptsAStoreThatWasFreedChangesNothingOfTheNextOne() throws Exception {
        Path files = directory.resolve("one");
        StoreRecord next = new StoreRecord(VM, "0e12".repeat(16), 7, PAGES, RESERVED, "h5", null, false);
        PageStore freed =
                PageStore.make(files, new StoreRecord(VM, Lender.TOKEN, 1, PAGES, RESERVED, "h1", null, false));
        Sender late = freed.sender(new Hello(Hello.Role.PAGE_OUT, VM, Lender.TOKEN, 1, PAGES));
        freed.delete();
        PageStore.make(files, next);

        assertThat(catchThrowableOfType(PeerException.class, () -> freed.adopt(late))
                        .code())
                .isEqualTo(ErrorCode.STALE_EPOCH);
        assertThat(catchThrowableOfType(PeerException.class, () -> freed.setNext(null))
                        .code())
                .isEqualTo(ErrorCode.STALE_EPOCH);

        assertThat(StoreRecord.load(files)).isEqualTo(next);
    }

    /** Its owner asks again; a store that had been forgotten would come back with the next daemon, and stay. */
    @Test
    void aStoreThatCannotBeDeletedIsReleasedByALaterAttempt() throws Exception {
        Path store = directory.resolve("h2").resolve(VM.toString());
        Path aside = Files.move(store, directory.resolve("aside"));

        assertThatThrownBy(() -> h2.server().release(VM, Lender.TOKEN)).isInstanceOf(IOException.class);
        assertThat(h2.server().lentBytes()).isEqualTo(RESERVED);
        Files.move(aside, store);

        assertThat(h2.server().release(VM, Lender.TOKEN)).isTrue();
        assertThat(h2.server().lentBytes()).isZero();
        assertThat(store).doesNotExist();
    }

    private boolean isLent(long afterSeconds) {
        return isLent(afterSeconds, store -> false);
    }

    private boolean isLent(long afterSeconds, MemoryServer.Owners owners) {
        h2.server()
                .releaseForsaken(
                        System.nanoTime() + TimeUnit.SECONDS.toNanos(afterSeconds),
                        owners,
                        new HostThreads(Runnable::run));
        return h2.server().lentBytes() > 0;
    }

    @Test
    void aStoreThatNobodyUsesIsKeptWhileItsOwnerWantsItOrDoesNotAnswer() throws Exception {
        out.store(runs(0, 1), NONE);
        out.close();
        List<UUID> asked = new ArrayList<>();
        Await.until("its owner is asked", () -> {
            assertThat(isLent(31, store -> asked.add(store.vm()))).isTrue();
            return !asked.isEmpty();
        });

        assertThat(isLent(31, store -> {
                    throw new IOException("host h1 does not answer");
                }))
                .isTrue();
        assertThat(isLent(31)).isFalse();
        assertThat(asked).containsExactly(VM);
    }

    @Test
    void aStoreWhoseMigrationDiedIsFreed() throws Exception {
        out.store(runs(0, 1), NONE);
        assertThat(isLent(3600)).as("while its migration is connected").isTrue();

        out.close();

        assertThat(isLent(0)).as("until its migration had time to come back").isTrue();
        Await.until("it is freed", () -> !isLent(31));
        assertThat(directory.resolve("h2").resolve(VM.toString())).doesNotExist();
    }

    @Test
    void aStoreThatAnOwnerAdoptedIsKeptHoweverLongTheOwnerIsAway() throws Exception {
        out.adopt(1);
        out.store(runs(0, 1), NONE);
        out.close();
        h2.goAway();
        h2.comeBack();

        assertThat(isLent(TimeUnit.DAYS.toSeconds(30))).isTrue();
    }

    private MemoryServer server(long limit, long available) throws IOException {
        MemoryServer server =
                new MemoryServer(directory.resolve("limits"), limit, () -> available, Lender.NO_NEIGHBOUR);
        server.recover();
        return server;
    }

    private static StoreRecord record(UUID vm, long bytes) {
        return new StoreRecord(vm, Lender.TOKEN, 1, PAGES, bytes, "h1", null, false);
    }

    @Test
    void noMoreIsLentThanTheLimit() throws Exception {
        MemoryServer server = server(1000 * 4096, Long.MAX_VALUE / 2);
        server.reserve(record(UUID.randomUUID(), 600 * 4096));

        assertThatThrownBy(() -> server.reserve(record(UUID.randomUUID(), 401 * 4096)))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("at most 4096000 B")
                .hasMessageContaining("2457600 B are reserved")
                .hasMessageContaining("1642496 B");

        server.reserve(record(UUID.randomUUID(), 400 * 4096));
        assertThat(server.lentBytes()).isEqualTo(1000 * 4096);
    }

    @Test
    void noMoreIsLentThanTheHostHas() throws Exception {
        MemoryServer server = server(Long.MAX_VALUE / 2, 1000 * 4096);
        server.reserve(record(UUID.randomUUID(), 600 * 4096)); // promised, though nothing of it is used yet

        assertThatThrownBy(() -> server.reserve(record(UUID.randomUUID(), 401 * 4096)))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("only 1638400 B");
    }

    @Test
    void aVmHasOneReservationOnAHost() throws Exception {
        MemoryServer server = server(Long.MAX_VALUE / 2, Long.MAX_VALUE / 2);
        server.reserve(record(VM, 4096));

        assertThatThrownBy(() -> server.reserve(record(VM, 4096)))
                .isInstanceOf(RefusedException.class)
                .hasMessageContaining("of host h1: release it first");
        assertThat(server.lentBytes()).isEqualTo(4096);
    }

    // ---- fencing

    private static StoreRecord of(UUID vm, String owner, String main, boolean adopted) {
        return new StoreRecord(vm, Lender.TOKEN, 1, PAGES, 4096, owner, main, adopted);
    }

    @Test
    void whatAFencedHostHadIsFreedAndNothingElse() throws Exception {
        MemoryServer server = server(Long.MAX_VALUE / 2, Long.MAX_VALUE / 2);
        UUID its = new UUID(0, 1);
        UUID cameFromIt = new UUID(0, 2);
        UUID wentToIt = new UUID(0, 3);
        UUID onItsWay = new UUID(0, 4);
        server.reserve(of(its, "h1", "h1", true));
        server.reserve(of(cameFromIt, "h1", "h2", true));
        server.reserve(of(wentToIt, "h2", "h1", true));
        server.reserve(of(onItsWay, "h1", "h2", false));

        MemoryServer.Fenced all = server.fence("h1", null);

        assertThat(all.freed()).extracting(StoreRecord::vm).containsExactlyInAnyOrder(its, wentToIt);
        assertThat(all.kept()).as("h2 may be about to adopt it").singleElement().satisfies(one -> {
            assertThat(one.vm()).isEqualTo(onItsWay);
            assertThat(one.heir()).isEqualTo("h2");
        });
        assertThat(server.lentBytes()).isEqualTo(2 * 4096);

        assertThat(server.fence("h1", cameFromIt).freed()).as("it runs on h2").isEmpty();
        assertThat(server.fence("h1", onItsWay).freed()).hasSize(1);
        assertThat(server.fence("h2", cameFromIt).freed()).hasSize(1);
        assertThat(server.lentBytes()).isZero();
        assertThat(new MemoryServer(directory.resolve("limits"), 0, () -> 0, Lender.NO_NEIGHBOUR).lentBytes())
                .isZero();
    }

    @Test
    void aReservationThatIsInTheWaySaysWhose() throws Exception {
        MemoryServer server = server(Long.MAX_VALUE / 2, Long.MAX_VALUE / 2);
        server.reserve(of(VM, "h2", "h2", true));

        assertThatThrownBy(() -> server.reserve(of(VM, "h1", "h1", false)))
                .hasMessageContaining("of host h2: if that host is dead, \"splitmem forget-host h2\"");
    }

    private static ErrorCode refusalOf(Callable<?> call) {
        PeerException refused = catchThrowableOfType(PeerException.class, call::call);
        assertThat(refused).isNotNull();
        return refused.code();
    }

    /** It was only cut off, and its guest runs on; somebody else has its room by then. */
    @Test
    void anOwnerThatComesBackAfterItWasFencedNeitherReadsNorWrites() throws Exception {
        out.adopt(1);
        out.store(runs(0, 100), NONE);
        FrameSocket in = endpoint().connect(Hello.Role.PAGE_IN);
        String other = "0".repeat(64);

        assertThat(h2.server().fence("h1", VM).freed()).hasSize(1);
        assertThat(h2.server().heldBytes()).isZero();

        in.send(FrameType.PAGE_IN, 7, 1, 0);
        assertThat(refusalOf(() -> {
                    in.receive();
                    throw in.bad("an answer");
                }))
                .as("on the connection that it has")
                .isEqualTo(ErrorCode.STALE_EPOCH);
        // Pages that it has sent already may be answered by a reset of the connection rather than by the reason.
        assertThatThrownBy(() -> out.store(runs(100, 10), NONE)).isInstanceOf(IOException.class);
        assertThat(refusalOf(() -> endpoint().connect(Hello.Role.PAGE_OUT))).isEqualTo(ErrorCode.STALE_EPOCH);

        h2.server().reserve(new StoreRecord(VM, other, 1, PAGES, RESERVED, "h3", "h3", false));
        Endpoint now = new Endpoint("h2", h2.address(), VM, other, 2, PAGES);
        try (PageOutClient successor = new PageOutClient(now, memory)) {
            successor.adopt(2);
            successor.store(runs(0, 50), NONE);
            for (long epoch : new long[] {1, 2, 99}) { // however new it thinks it is
                assertThat(refusalOf(() -> h2.endpoint(VM, epoch, PAGES).connect(Hello.Role.PAGE_IN)))
                        .isEqualTo(ErrorCode.STALE_EPOCH);
                assertThat(refusalOf(() -> h2.endpoint(VM, epoch, PAGES).connect(Hello.Role.PAGE_OUT)))
                        .isEqualTo(ErrorCode.STALE_EPOCH);
            }
            assertThat(refusalOf(() -> {
                        out.store(runs(0, 10), NONE);
                        return null;
                    }))
                    .isEqualTo(ErrorCode.STALE_EPOCH);
            assertThat(h2.server().release(VM, Lender.TOKEN)).isFalse();
            assertThat(h2.server().heldBytes()).isEqualTo(50 * 4096);
        } finally {
            in.close();
        }
        h2.goAway();
        h2.comeBack(); // its daemon may forget who was fenced: the token alone is enough
        assertThat(refusalOf(() -> h2.endpoint(VM, 99, PAGES).connect(Hello.Role.PAGE_OUT)))
                .isEqualTo(ErrorCode.UNKNOWN_VM);
        assertThat(h2.server().heldBytes()).isEqualTo(50 * 4096);
    }
}
