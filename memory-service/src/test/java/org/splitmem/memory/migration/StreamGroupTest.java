package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;

/** A migration may be aborted at any moment, also while its streams open. */
class StreamGroupTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long PAGES = 16;

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final RateLimiter limiter = new RateLimiter(0);
    private GuestMemory memory;
    private Lender lender;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), PAGES);
        lender = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, Pages.toBytes(PAGES));
    }

    @AfterEach
    void end() {
        lender.close();
        memory.close();
    }

    private StreamGroup group() {
        return new StreamGroup(PagePlan.MAIN, lender.endpoint(VM, 1, PAGES));
    }

    @Test
    void streamsThatOpenAfterAnAbortAreOfNoUse() {
        StreamGroup group = group();
        group.abort();

        assertThatThrownBy(() -> group.open(4, memory, limiter))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("h2");

        assertThat(group.senders()).hasSizeLessThanOrEqualTo(1);
        group.close();
    }

    @Test
    void anAbortWhileStreamsOpenEndsThem() throws Exception {
        for (int attempt = 0; attempt < 100; attempt++) {
            StreamGroup group = group();
            CompletableFuture<Void> aborted = CompletableFuture.runAsync(() -> {
                while (group.senders().size() < 2) {
                    Thread.onSpinWait();
                }
                group.abort();
            });

            assertThatThrownBy(() -> group.open(64, memory, limiter)).isInstanceOf(IOException.class);

            aborted.get(20, TimeUnit.SECONDS); // and not ConcurrentModificationException
            group.close();
        }
    }
}
