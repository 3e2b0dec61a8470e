package org.splitmem.memory.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.splitmem.memory.stream.PagesFrame.Choice.ALL;

import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.CutShortException;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.Unistd;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;
import org.splitmem.memory.wire.Hello;
import org.splitmem.memory.wire.RunList;

/** A RAM file that its QEMU cuts short. */
class CutShortTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long PAGES = 1000;

    private static final Flushes.Damaged NONE = page -> {
        throw new AssertionError("page " + page + " is damaged");
    };

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private Lender h2;
    private GuestMemory memory;

    @BeforeEach
    void start() throws Exception {
        h2 = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, Pages.toBytes(PAGES));
        memory = TestMemory.of(directory.path(), PAGES);
        GuestContent.write(memory, 0, PAGES, 1);
    }

    @AfterEach
    void end() {
        h2.close();
        memory.close();
    }

    @Test
    void nothingOfItIsSent() throws Exception {
        truncate(Pages.toBytes(10));
        RunList runs = new RunList();
        runs.add(0, 100);
        try (BulkSender sender = sender()) {
            assertThatThrownBy(() -> sender.send(runs, ALL, NONE))
                    .hasMessageContaining("RAM file of backend 0")
                    .hasMessageContaining("40960 B instead of 4096000");
        }
    }

    @Test
    void itHasNoZeroPages() throws Exception {
        ZeroPages zeroPages = new ZeroPages(memory);
        truncate(Pages.toBytes(10));

        assertThatThrownBy(() -> zeroPages.isZero(10)).hasMessageContaining("40960 B instead of 4096000");
    }

    /** At any moment, also between any check and what follows: no page arrives that was not there. */
    @Test
    void oneThatIsCutAndLengthenedAgainAndAgainHarmsNobodyElse() throws Exception {
        RunList runs = new RunList();
        runs.add(0, 500);
        AtomicBoolean ended = new AtomicBoolean();
        Thread hostile = new Thread(() -> {
            for (int i = 0; !ended.get(); i++) {
                truncate(Pages.toBytes(i % 3 == 0 ? PAGES : 0) + i % 2 * 100L);
            }
        });
        hostile.start();
        int cut = 0;
        try (BulkSender sender = sender()) {
            for (int i = 0; i < 1000; i++) {
                try {
                    sender.send(runs, ALL, NONE);
                } catch (CutShortException e) {
                    cut++;
                }
            }
            sender.flush(NONE);
        } finally {
            ended.set(true);
            hostile.join();
        }

        assertThat(cut).isPositive();
    }

    /** A page counts whose first bytes are there: else the search for what is there would not come to an end. */
    @Test
    void whatIsThereIsFoundAlsoIfItEndsWithinAPage() throws Exception {
        truncate(Pages.toBytes(10) + 100);

        assertThat(memory.nextData(10)).isEqualTo(10);
        assertThat(memory.nextHole(10)).isEqualTo(11);
        assertThat(memory.nextHole(0)).isEqualTo(11);
        assertThat(memory.nextData(11)).isEqualTo(PAGES);
        assertThat(memory.nextHole(11)).isEqualTo(PAGES);
    }

    /** Pages of a later backend have the numbers that such pages would have. */
    @Test
    void pagesBehindTheEndOfALengthenedFileAreNotFound() throws Exception {
        memory.punch(0, PAGES);
        Unistd.truncate(memory.file(0).fd(), Pages.toBytes(PAGES + 10));
        NativeBlock page = new NativeBlock(Pages.SIZE);
        Unistd.writeAt(memory.file(0).fd(), page.address(), Pages.SIZE, Pages.toBytes(PAGES + 5));
        NativeBlock.keep(page);

        assertThat(memory.nextData(0)).isEqualTo(PAGES);
        assertThat(memory.nextHole(0)).isZero();
    }

    private BulkSender sender() throws Exception {
        return new BulkSender(h2.endpoint(VM, 1, PAGES).connect(Hello.Role.STREAM), memory, new RateLimiter(0));
    }

    private void truncate(long bytes) {
        try {
            Unistd.truncate(memory.file(0).fd(), bytes);
        } catch (LinuxException e) {
            throw new IllegalStateException(e);
        }
    }
}
