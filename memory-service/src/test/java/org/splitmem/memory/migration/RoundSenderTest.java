package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.stream.RateLimiter;
import org.splitmem.memory.testing.DamagingRelay;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.TestMemory;

/** Rounds of a migration to a main host and a sub-host, both real memory servers. */
class RoundSenderTest {
    private static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long PAGES = 5000;
    /** From here on pages are planned for the sub-host. */
    private static final long COLD = 2999;

    private static final int LOCAL = PageEntry.of(PageState.LOCAL);

    @RegisterExtension
    final MemoryDirectory directory = new MemoryDirectory();

    private final AtomicLong progress = new AtomicLong();
    private GuestMemory memory;
    private PageTable table;
    private TransferLog transfers;
    private Lender main;
    private Lender sub;
    private List<StreamGroup> groups;
    private RoundSender sender;

    @BeforeEach
    void start() throws Exception {
        memory = TestMemory.of(directory.path(), PAGES);
        GuestContent.write(memory, 0, PAGES, 1);
        table = new PageTable(ByteBuffer.allocateDirect((int) PageTable.bytesFor(PAGES)), PAGES);
        transfers = new TransferLog(PAGES);
        for (long page = 0; page < PAGES; page++) {
            table.put(page, LOCAL);
            transfers.dirty().add(page);
            if (page >= COLD) {
                transfers.plan().planNext(page, 0);
            }
        }
        main = new Lender("h2", directory.resolve("h2")).reserve(VM, PAGES, Pages.toBytes(PAGES));
        sub = new Lender("h3", directory.resolve("h3")).reserve(VM, PAGES, Pages.toBytes(PAGES));
        groups = List.of(
                new StreamGroup(PagePlan.MAIN, main.endpoint(VM, 1, PAGES)),
                new StreamGroup(0, sub.endpoint(VM, 1, PAGES)));
        for (StreamGroup group : groups) {
            group.open(2, memory, new RateLimiter(0));
        }
        sender = new RoundSender(false, table, transfers, groups);
    }

    @AfterEach
    void end() {
        groups.forEach(StreamGroup::abort);
        sender.close();
        groups.forEach(StreamGroup::close);
        main.close();
        sub.close();
        memory.close();
        transfers.close();
    }

    private void send() throws IOException {
        sender.send(groups, () -> false, progress::set);
    }

    private long dirty() {
        return transfers.dirty().count();
    }

    @Test
    void everyDirtyPageIsStoredWhereItIsPlannedWhenTheRoundIsOver() throws Exception {
        send();

        assertThat(main.server().heldBytes()).isEqualTo(Pages.toBytes(COLD));
        assertThat(sub.server().heldBytes()).isEqualTo(Pages.toBytes(PAGES - COLD));
        assertThat(transfers.unannounced().count()).isEqualTo(PAGES);
        assertThat(dirty()).isZero();
        assertThat(progress).hasValue(PAGES);
    }

    @Test
    void aRoundSendsNothingButWhatIsDirty() throws Exception {
        send();
        transfers.dirty().add(17);
        transfers.dirty().add(PAGES - 1);

        send();

        assertThat(sender.sentPages()).isEqualTo(PAGES + 2);
    }

    @Test
    void anAllZeroPageIsNotSentAndVoidsAnOlderCopy() throws Exception {
        GuestContent.write(memory, 5, 1, 0);
        send();
        assertThat(table.get(5)).isEqualTo(PageEntry.of(PageState.ZERO));
        assertThat(transfers.unannounced().remove(5)).isFalse();
        transfers.unannounced().remove(6);
        GuestContent.write(memory, 6, 1, 0);
        transfers.dirty().add(6);

        send();

        assertThat(table.get(6)).isEqualTo(PageEntry.of(PageState.ZERO));
        assertThat(transfers.unannounced().contains(6)).isTrue();
        assertThat(main.server().heldBytes()).isEqualTo(Pages.toBytes(COLD - 2));
    }

    /** One page of each frame, in the first round; then the network is good again. */
    @Test
    void whatWasDamagedOnItsWayIsSentAgainInTheNextRound() throws Exception {
        AtomicLong damaged = new AtomicLong();
        AtomicBoolean bad = new AtomicBoolean(true);
        DamagingRelay.Damage damage = frame -> {
            if (bad.get() && frame.pages() > 0) {
                frame.flipInPage(frame.pages() - 1);
                damaged.incrementAndGet();
            }
        };
        StreamGroup through = new StreamGroup(PagePlan.MAIN, main.behind(damage).endpoint(VM, 1, PAGES));
        through.open(2, memory, new RateLimiter(0));
        try (RoundSender rounds = new RoundSender(false, table, transfers, List.of(through))) {
            rounds.send(List.of(through), () -> false, progress::set);

            assertThat(damaged.get()).isPositive();
            assertThat(rounds.againPages()).isEqualTo(damaged.get());
            assertThat(transfers.unannounced().count()).isEqualTo(COLD - damaged.get());
            assertThat(dirty()).isEqualTo(damaged.get() + PAGES - COLD);
            assertThat(main.server().heldBytes()).isEqualTo(Pages.toBytes(COLD - damaged.get()));

            bad.set(false);
            rounds.send(List.of(through), () -> false, progress::set);

            assertThat(rounds.againPages()).isZero();
            assertThat(main.server().heldBytes()).isEqualTo(Pages.toBytes(COLD));
            assertThat(rounds.sentPages()).isEqualTo(COLD + damaged.get());
        } finally {
            through.close();
        }
    }

    @Test
    void whatARoundHasNotTakenWhenItIsCutStaysDirty() throws Exception {
        sender.send(groups, () -> true, progress::set);

        assertThat(dirty()).isEqualTo(PAGES);
        assertThat(main.server().heldBytes() + sub.server().heldBytes()).isZero();
    }

    @Test
    void aHostThatGoesAwayEndsTheRoundAndIsNamed() {
        sub.goAway();

        assertThatThrownBy(() -> {
                    while (true) {
                        send();
                        for (long page = 0; page < PAGES; page++) {
                            transfers.dirty().add(page);
                        }
                    }
                })
                .isInstanceOf(IOException.class)
                .hasMessageContaining("h3");
    }
}
