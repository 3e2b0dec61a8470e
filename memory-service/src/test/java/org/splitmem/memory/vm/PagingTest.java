package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.fault.FaultStats;
import org.splitmem.memory.fault.Pager;
import org.splitmem.memory.guest.MappedFile;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.Lender;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.SeededTest;

/** A paged VM on one machine: the kernel, the shim, the daemon and memory servers are real; only QEMU is a small program. */
class PagingTest extends MachineTest {
    private static final long PAGES = 2048;
    /** Frames, of which one is damaged. */
    private static final int DAMAGED_OF = 8;

    PagingTest() {
        super(PAGES);
    }

    @Test
    void aPageThatWasNeverWrittenReadsAsZero() throws Exception {
        machine().start();

        machine.guest().run("verify 0 " + PAGES);

        Await.until(
                "the last fill is noted",
                () -> machine.paging().stats().zeroFills.sum() == PAGES);
        assertThat(machine.count(PageState.LOCAL)).isEqualTo(PAGES);
    }

    @Test
    void aFaultFillsOnlyItsAlignedNeighbourhood() throws Exception {
        machine().start();

        machine.guest().run("fill 37 1 5");

        Await.until("the fill is noted", () -> machine.count(PageState.LOCAL) == 48 - 37);
        machine.guest().run("verify 32 32");
    }

    @Test
    void everyByteOfAPageThatWasSentOutComesBack() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 " + PAGES + " 3");

        long freed = machine.pageOut(0, PAGES, 0);

        assertThat(freed).isEqualTo(PAGES);
        assertThat(machine.table().countRemote(0)).isEqualTo(PAGES);
        assertThat(machine.lender(0).server().heldBytes()).isEqualTo(Pages.toBytes(PAGES));
        assertThat(MemoryDirectory.allocatedBytes(directory.resolve("vms/" + Machine.VM + "/ram0")))
                .isZero();
        machine.guest().run("verify 0 " + PAGES);
        Await.until(
                "the last page-in is counted",
                () -> machine.paging().stats().pageIns.sum() == PAGES);
        assertThat(machine.count(PageState.LOCAL)).isEqualTo(PAGES);
        FaultStats stats = machine.paging().stats();
        assertThat(stats.refaults.sum()).isPositive().isEqualTo(PAGES - stats.readAheadPages.sum());
    }

    @Test
    void pagesThatAreAllZeroNeedNoServer() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 100 0");

        machine.pageOut(0, 100, 0);

        assertThat(machine.count(PageState.ZERO)).isEqualTo(PAGES - 12); // the last 12 of 112 were filled ahead
        assertThat(machine.lender(0).server().heldBytes()).isZero();
        machine.guest().run("verify 0 200");
    }

    @Test
    void theServerDropsWhatCameBack() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 512 3");
        machine.pageOut(0, 512, 0);

        machine.guest().run("verify 0 512");

        Await.until("h2 keeps nothing", () -> machine.lender(0).server().heldBytes() == 0);
    }

    @Test
    void severalBackendsArePagedAsOneRow() throws Exception {
        machine("h2", "h3").withTwoBackends().start();
        machine.guest().run("fill 0 " + PAGES + " 9");

        long freed = machine.pageOut(0, PAGES / 2, 1) + machine.pageOut(PAGES / 2, PAGES / 2, 0);

        assertThat(freed).isEqualTo(PAGES);
        machine.guest().run("verify 0 " + PAGES);
    }

    @SeededTest(runs = 3)
    void aWriteDuringAPageOutIsNeverLost(long seed) throws Exception {
        machine("h2", "h3").start();
        machine.guest().run("fill 0 " + PAGES + " 1");
        Random random = new Random(seed);

        machine.guest().begin("churn 6 4000 " + seed + " 0 " + PAGES + " 50");
        // Hot pages, all the time: housekeeping would never be so hard. Some also of a guest that is done in no time.
        for (int i = 0; i < 20 || !machine.guest().hasAnswered(); i++) {
            long from = random.nextInt((int) PAGES - 256);
            machine.pageOut(from, 1 + random.nextInt(256), random.nextInt(2));
        }

        machine.guest().end();
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.paging().stats().lost.sum()).isZero();
        assertThat(machine.paging().stats().pageOuts.sum()).isPositive();
    }

    @Test
    void housekeepingKeepsTheBudgetWhileTheGuestRuns() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 " + PAGES + " 4");

        machine.vm().setBudget(Pages.toBytes(PAGES / 4));
        machine.guest().begin("churn 4 200000 1 0 128 30");
        Await.until("no more is here than the budget", () -> machine.table().resident() <= PAGES / 4);

        machine.guest().end();
        machine.guest().run("verify 0 " + PAGES);
    }

    @Test
    void aBudgetThatGrowsPullsPagesBackAndThenTheKernelServesAlone() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 " + PAGES + " 4");
        machine.vm().setBudget(Pages.toBytes(PAGES / 2));
        Await.until("half of it is out", () -> machine.table().resident() <= PAGES / 2);

        machine.vm().setBudget(Pages.toBytes(PAGES));

        List<VmRecord> released = new ArrayList<>();
        Await.until("all of it is back", () -> new PagingSwitch(machine.vm()).off(released::add));
        assertThat(machine.vm().record().phase()).isEqualTo(VmRecord.Phase.LOCAL);
        assertThat(released).hasSize(1);
        assertThat(released.get(0).lenders()).hasSize(1);
        machine.stopDaemon();
        machine.guest().run("verify 0 " + PAGES);
        machine.startDaemon();
    }

    /** An error is never answered with wrong bytes: the guest's thread waits. */
    @Test
    void aPageThatArrivesDamagedIsNotGivenToTheGuest() throws Exception {
        machine("h2")
                .with(new PagingConfig(new Pager.Tuning(1, 0, 1, 0), 0, 1, 7)) // page by page, and nothing by itself
                .start();
        machine.guest().run("fill 0 4 6");
        machine.pageOut(0, 4, 0);
        Path stored = directory.resolve("h2/" + Machine.VM + "/pages");
        try (MappedFile pages = MappedFile.openSparse(stored, Pages.toBytes(PAGES))) {
            ByteBuffer last = Mman.view(pages.address() + Pages.toBytes(3), Pages.SIZE);
            last.put(4095, (byte) (last.get(4095) ^ 1));
        }

        machine.guest().run("verify 0 3");
        machine.guest().begin("verify 3 1");

        Await.until(
                "the page is found to be damaged",
                () -> machine.paging().stats().lost.sum() == 1);
        assertThat(machine.guest().hasAnswered()).isFalse();
        assertThat(machine.count(PageState.LOCAL)).isEqualTo(3);
    }

    /** A bit of a page of some frames, both ways: nothing wrong is ever stored, or given to the guest, and nothing is lost. */
    @Test
    void pagesThatAreDamagedOnTheirWayAreSentAgain() throws Exception {
        Random random = new Random(1); // each nth one could be the same page's again and again
        machine("h2");
        machine.lender(0).behind(frame -> {
            if (frame.pages() > 0 && random.nextInt(DAMAGED_OF) == 0) {
                frame.flipInPage(random.nextInt(frame.pages()));
            }
        });
        machine.start();
        machine.guest().run("fill 0 " + PAGES + " 6");

        for (int i = 0; i < 20; i++) {
            machine.pageOut(0, PAGES, 0);
        }

        assertThat(machine.count(PageState.REMOTE)).isEqualTo(PAGES);
        long outwards = machine.paging().stats().damaged.sum();
        assertThat(outwards).isPositive();
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.paging().stats().damaged.sum()).isGreaterThan(outwards);
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    @Test
    void faultsWaitForAServerThatIsAwayAndThenGoOn() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 " + PAGES + " 6");
        machine.pageOut(0, PAGES, 0);

        machine.lender(0).goAway();
        machine.guest().begin("verify 0 " + PAGES);
        Await.until("a fault is noted", () -> machine.count(PageState.INCOMING) > 0);
        assertThat(machine.guest().hasAnswered()).isFalse();
        machine.lender(0).comeBack();

        machine.guest().end();
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    /** Like a host after a reboot: it answers, and its memory is gone. The operator sees that only by the count of lost pages. */
    @Test
    void pagesOfAServerThatCameBackEmptyAreLost() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 " + PAGES + " 6");
        machine.pageOut(0, PAGES, 0);
        assertThat(machine.lender(0).server().release(Machine.VM, Lender.TOKEN)).isTrue();
        machine.lender(0).goAway();

        machine.guest().begin("verify 100 1");
        Await.until("the fault is noted", () -> machine.count(PageState.INCOMING) > 0);
        machine.lender(0).comeBack();

        Await.until("it is lost", () -> machine.paging().stats().lost.sum() > 0);
        assertThat(machine.guest().hasAnswered()).isFalse();
    }

    @Test
    void aServerThatIsAwayDoesNotHoldUpOtherFaults() throws Exception {
        machine("h2")
                .with(new PagingConfig(new Pager.Tuning(1, 16, 1, 0), 0, 1, 7)) // page by page, and nothing by itself
                .start();
        for (long page = 0; page < 256; page += 2) {
            machine.guest().run("fill " + page + " 1 3");
            machine.pageOut(page, 1, 0);
        }
        machine.guest().run("fill 256 " + (PAGES - 256) + " 3");
        machine.pageOut(256, PAGES - 256, 0);
        machine.lender(0).goAway();

        machine.askFor(256, PAGES); // asks for as much as it may
        machine.guest().begin("churn 2 100 1 0 256 100"); // one thread on h2's pages, one on pages that are nowhere

        Await.until("the other thread goes on", () -> machine.count(PageState.LOCAL) >= 50);
        assertThat(machine.guest().hasAnswered()).isFalse();
        machine.lender(0).comeBack();
        machine.guest().end();
        machine.guest().run("verify 0 " + PAGES);
    }

    @Test
    void pagesStayHereIfTheServerTakesNone() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 512 6");
        machine.lender(0).goAway();

        assertThat(catchIo(() -> machine.pageOut(0, 512, 0))).isNotNull();

        assertThat(machine.count(PageState.LOCAL)).isEqualTo(512);
        machine.guest().run("verify 0 512");
    }

    private interface Step {
        void run() throws Exception;
    }

    private static Exception catchIo(Step step) throws Exception {
        try {
            step.run();
            return null;
        } catch (java.io.IOException e) {
            return e;
        }
    }

    @SeededTest(runs = 2)
    void serversThatGoAndComeBackLoseNothing(long seed) throws Exception {
        machine("h2", "h3").start();
        machine.guest().run("fill 0 " + PAGES + " 1");
        Random random = new Random(seed);

        machine.guest().begin("churn 6 3000 " + seed + " 0 " + PAGES + " 30");
        for (int i = 0; i < 30 && !machine.guest().hasAnswered(); i++) {
            int host = i % 2;
            machine.lender(host).goAway();
            machine.lender(host).comeBack();
            long from = random.nextInt((int) PAGES - 512);
            catchIo(() -> machine.pageOut(from, 512, 1 - host));
        }

        hasLostNothing();
    }

    @SeededTest(runs = 2)
    void serversThatGoAndComeBackWhileTheBudgetIsKeptLoseNothing(long seed) throws Exception {
        machine("h2", "h3").start();
        machine.guest().run("fill 0 " + PAGES + " 1");
        machine.vm().setBudget(Pages.toBytes(PAGES / 3));

        machine.guest().begin("churn 6 3000 " + seed + " 0 " + PAGES + " 30");
        for (int i = 0; i < 30 && !machine.guest().hasAnswered(); i++) {
            long before = machine.paging().stats().pageOuts.sum();
            machine.lender(i % 2).goAway();
            machine.lender(i % 2).comeBack();
            Await.until(
                    "pages leave again",
                    () -> machine.paging().stats().pageOuts.sum() > before
                            || machine.guest().hasAnswered());
        }

        hasLostNothing();
    }

    private void hasLostNothing() throws Exception {
        machine.guest().end();
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    /** Its own faults wait then, and nothing else does: the daemon is not kept from going on without it. */
    @Test
    void aUserfaultfdThatMakesItsReaderWaitKeepsNoOneElse() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 8 1");
        machine.pageOut(0, 8, 0);
        machine.guest().run("block");
        machine.guest().begin("verify 0 8");

        Await.until(
                "the pager gives it up, and does not look at it without end",
                () -> !isThread("pager-" + machine.vm().uuid()));
        assertTimeoutPreemptively(Duration.ofSeconds(4), () -> machine.vm().stop());
        assertThat(machine.guest().hasAnswered()).isFalse();
    }

    private static boolean isThread(String name) {
        return Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().equals(name));
    }
}
