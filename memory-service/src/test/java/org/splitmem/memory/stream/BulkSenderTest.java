package org.splitmem.memory.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.splitmem.memory.stream.PagesFrame.Choice.ALL;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.MappedFile;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.SocketPair;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.SeededTest;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.ErrorCode;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.PeerException;
import org.splitmem.memory.wire.RunList;

/** Streams of pages into a real memory server. */
class BulkSenderTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long PAGES = 3000;

    private static final Flushes.Damaged NONE = page -> {
        throw new AssertionError("page " + page + " is damaged");
    };

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Lender h2;
    private GuestMemory memory;

    @BeforeEach
    void start() throws Exception {
        h2 = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, Pages.toBytes(PAGES - 1000));
        memory = TestMemory.of(directory.path(), 1001, 1999);
        GuestContent.write(memory, 0, PAGES, 1);
    }

    @AfterEach
    void end() {
        h2.close();
        memory.close();
    }

    private BulkSender sender() throws Exception {
        return new BulkSender(h2.endpoint(VM, 1, PAGES).connect(Hello.Role.STREAM), memory, new RateLimiter(0));
    }

    private void assertStored(Iterable<Long> pages) throws Exception {
        try (MappedFile stored = MappedFile.openSparse(
                directory.resolve("h2").resolve(VM.toString()).resolve("pages"), Pages.toBytes(PAGES))) {
            for (long page : pages) {
                ByteBuffer bytes = Mman.view(stored.address() + Pages.toBytes(page), Pages.SIZE);
                assertThat(GuestContent.matches(bytes, page, 1))
                        .as("page " + page)
                        .isTrue();
            }
        }
    }

    @SeededTest(runs = 10)
    void runsOfAnyLengthArriveAlsoAcrossBackends(long seed) throws Exception {
        Random random = new Random(seed);
        TreeSet<Long> sent = new TreeSet<>();
        try (BulkSender sender = sender()) {
            RunList runs = new RunList();
            long page = 900L + random.nextInt(50);
            int longest = random.nextBoolean() ? 100 : 4; // longer than a frame, or many in one
            while (page < 1900) {
                long count = Math.min(1 + random.nextInt(longest), RunList.MAX_PAGES - runs.pages());
                runs.add(page, count);
                for (long p = page; p < page + count; p++) {
                    sent.add(p);
                }
                page += count + 1 + random.nextInt(5);
                if (runs.pages() == RunList.MAX_PAGES || page >= 1900) {
                    sender.send(runs, ALL, NONE);
                    runs.clear();
                }
            }
            sender.flush(NONE);
        }

        assertStored(sent);
        assertThat(h2.server().heldBytes()).isEqualTo(Pages.toBytes(sent.size()));
    }

    private static RunList runs(long from, long count) {
        RunList runs = new RunList();
        runs.add(from, count);
        return runs;
    }

    /** One bit of one page of each frame: without a checksum of the sender's own it would be stored, and given to the guest. */
    @Test
    void aPageThatIsDamagedOnItsWayIsNotStoredButTold() throws Exception {
        AtomicInteger frames = new AtomicInteger();
        h2.behind(frame -> {
            if (frame.pages() > 0) {
                frame.flipInPage(frames.incrementAndGet());
            }
        });
        RunList scattered = new RunList();
        for (long page = 601; page < 661; page += 3) {
            scattered.add(page);
        }
        List<Long> damaged = new ArrayList<>();
        try (BulkSender sender = sender()) {
            sender.send(runs(0, 60), ALL, damaged::add);
            sender.send(scattered, ALL, damaged::add);
            sender.flush(damaged::add);

            assertThat(damaged).containsExactlyInAnyOrder(1L, 607L);
            assertThat(h2.server().heldBytes()).isEqualTo(Pages.toBytes(60 + 20 - 2));
            sender.flush(NONE);
        }
        assertStored(LongStream.range(2, 60).boxed().toList());
    }

    @Test
    void aPageThatComesInThePlaceOfAnotherIsNotStored() throws Exception {
        h2.behind(frame -> {
            if (frame.pages() > 0) {
                frame.swapPages(3, 47);
            }
        });
        List<Long> damaged = new ArrayList<>();
        try (BulkSender sender = sender()) {
            sender.send(runs(0, 60), ALL, damaged::add);
            sender.flush(damaged::add);
        }

        assertThat(damaged).containsExactlyInAnyOrder(3L, 47L);
        assertThat(h2.server().heldBytes()).isEqualTo(Pages.toBytes(58));
    }

    /** What the receiver has to remember is bounded: the sender asks in between. */
    @Test
    void aStreamOfWhichEveryPageIsDamagedIsToldAllTheSame() throws Exception {
        h2.behind(frame -> {
            for (int i = 0; i < frame.pages(); i++) {
                frame.flipInPage(i);
            }
        });
        AtomicLong damaged = new AtomicLong();
        long sent = 0;
        try (BulkSender sender = sender()) {
            while (sent < ReceivedPages.MOST_UNFLUSHED + 1000) {
                sender.send(runs(0, 500), ALL, page -> damaged.incrementAndGet());
                sent += 500;
            }
            sender.flush(page -> damaged.incrementAndGet());
        }

        assertThat(damaged).hasValue(sent);
        assertThat(h2.server().heldBytes()).isZero();
    }

    /** With a wrong bit in the list the receiver would store pages in the place of others. */
    @Test
    void aRunThatIsDamagedEndsTheStream() throws Exception {
        h2.behind(frame -> {
            if (frame.pages() > 0) {
                frame.flip(0);
            }
        });
        try (BulkSender sender = sender()) {
            sender.send(runs(0, 100), ALL, NONE);

            assertThatThrownBy(() -> sender.flush(NONE)).hasMessageContaining("PAGES with a payload that was damaged");
        }
        assertThat(h2.server().heldBytes()).isZero();
    }

    @Test
    void voidedPagesAreDroppedInOrder() throws Exception {
        RunList runs = new RunList();
        runs.add(0, 100);
        try (BulkSender sender = sender()) {
            sender.send(runs, ALL, NONE);
            sender.drop(runs);
            sender.flush(NONE);
            assertThat(h2.server().heldBytes()).isZero();
            sender.drop(runs);
            sender.send(runs, ALL, NONE);
            sender.flush(NONE);
        }

        assertThat(h2.server().heldBytes()).isEqualTo(Pages.toBytes(100));
    }

    @Test
    void aPeerThatRefusesIsHeardAlthoughItClosed() throws Exception {
        try (BulkSender sender = sender()) {
            PeerException refusal = catchThrowableOfType(PeerException.class, () -> {
                for (long page = 0; page + 500 <= PAGES; page += 500) { // a third more than was reserved
                    RunList runs = new RunList();
                    runs.add(page, 500);
                    sender.send(runs, ALL, NONE);
                }
                sender.flush(NONE);
            });

            assertThat(refusal).isNotNull();
            assertThat(refusal.code()).isEqualTo(ErrorCode.FULL);
        }
    }

    @Test
    void aPeerThatDiesEndsTheStream() throws Exception {
        try (BulkSender sender = sender()) {
            h2.goAway();
            RunList runs = new RunList();
            runs.add(0, 500);

            Throwable failure = catchThrowableOfType(java.io.IOException.class, () -> {
                for (int i = 0; i < 100; i++) {
                    sender.send(runs, ALL, NONE);
                    sender.flush(NONE);
                }
            });

            assertThat(failure).isNotNull();
        }
    }

    @Test
    void aPeerThatHangsEndsTheStreamInTime() throws Exception {
        try (SocketPair pair = SocketPair.open();
                BulkSender sender =
                        new BulkSender(new FrameSocket(withoutLimits(pair)), memory, new RateLimiter(0), 200)) {
            CompletableFuture<Void> flush = CompletableFuture.runAsync(() -> {
                try {
                    sender.flush(NONE);
                } catch (IOException e) {
                    throw new CompletionException(e);
                }
            });

            assertThat(flush)
                    .failsWithin(Duration.ofSeconds(10))
                    .withThrowableThat()
                    .withCauseInstanceOf(SocketTimeoutException.class);
        }
    }

    private static StreamSocket withoutLimits(SocketPair pair) throws IOException {
        pair.near().setTimeouts(0, 0);
        return pair.near();
    }

    @Test
    void anAbortEndsASenderThatWaits() throws Exception {
        RateLimiter none = new RateLimiter(0);
        try (BulkSender sender = new BulkSender(h2.endpoint(VM, 1, PAGES).connect(Hello.Role.STREAM), memory, none)) {
            Thread aborter = new Thread(sender::abort);
            aborter.start();

            Await.until("it fails", () -> {
                try {
                    sender.flush(NONE);
                    return false;
                } catch (java.io.IOException e) {
                    return true;
                }
            });
            aborter.join();
        }
    }

    @Test
    void onlyPagesThatAreAllZeroAreTakenForZero() throws Exception {
        ZeroPages zeroPages = new ZeroPages(memory);
        GuestContent.write(memory, 1000, 4, 0);
        NativeBlock bytes = new NativeBlock(Pages.SIZE);
        bytes.buffer().put(4095, (byte) 1);
        memory.write(bytes.address(), 1001, 1);
        bytes.buffer().put(4095, (byte) 0).put(0, (byte) 1);
        memory.write(bytes.address(), 1002, 1);

        assertThat(zeroPages.isZero(1000)).isTrue();
        assertThat(zeroPages.isZero(1001)).isFalse();
        assertThat(zeroPages.isZero(1002)).isFalse();
        assertThat(zeroPages.isZero(1003)).isTrue();
        assertThat(zeroPages.isZero(999)).isFalse();
    }
}
