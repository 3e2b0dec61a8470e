package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.SocketPair;
import org.splitmem.memory.stream.BulkReceiver;
import org.splitmem.memory.stream.BulkSender;
import org.splitmem.memory.stream.PagesFrame;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.FrameSocket;
import org.splitmem.memory.wire.RunList;

class IncomingStreamsTest {
    private static final int PAGES = 64;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final IncomingStreams streams = new IncomingStreams();
    private final CountDownLatch isWritten = new CountDownLatch(1);
    private final AtomicInteger writing = new AtomicInteger();
    private GuestMemory memory;
    private FrameSocket here;
    private BulkSender there;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), PAGES);
        SocketPair pair = SocketPair.open();
        here = new FrameSocket(pair.near());
        there = new BulkSender(new FrameSocket(pair.far()), memory, new RateLimiter(0));
    }

    @AfterEach
    void end() {
        isWritten.countDown();
        there.close();
        here.close();
        memory.close();
    }

    private BulkReceiver receiver() {
        return new BulkReceiver(new BulkReceiver.Target() {
            @Override
            public long pages() {
                return PAGES;
            }

            @Override
            public void take(long address, long page, long count) {
                writing.incrementAndGet();
                try {
                    assertThat(isWritten.await(20, TimeUnit.SECONDS)).isTrue();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }

            @Override
            public void drop(RunList runs) {}
        });
    }

    /** Also if it was on its way already: else it could come over what the guest has written since. */
    @Test
    void nothingIsWrittenAnyMoreOnceTheyHaveEnded() throws Exception {
        CompletableFuture<Void> served = CompletableFuture.runAsync(() -> {
            try {
                streams.serve(here, receiver());
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        RunList one = new RunList();
        one.add(0);
        there.send(one, PagesFrame.Choice.ALL, page -> {});
        Await.until("a page is being written", () -> writing.get() == 1);

        Thread ending = new Thread(streams::end);
        ending.start();
        Await.until("the end waits for it", () -> ending.getState() == Thread.State.WAITING);
        assertThat(served).isNotDone();
        isWritten.countDown();
        ending.join(20_000);

        assertThat(ending.isAlive()).isFalse();
        served.handle((nothing, why) -> true).get(20, TimeUnit.SECONDS);
        assertThat(writing).hasValue(1);
    }

    @Test
    void noneBeginsAfterThat() {
        streams.end();

        assertThatThrownBy(() -> streams.serve(here, receiver())).hasMessageContaining("any more");
    }
}
