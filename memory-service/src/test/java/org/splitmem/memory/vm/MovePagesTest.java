package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.DamagingRelay;
import org.splitmem.memory.wire.RunList;
import org.splitmem.model.MoveInfo;

/** A memory server of a split VM is emptied: its pages go to others, whatever the guest and the servers do meanwhile. */
class MovePagesTest extends MachineTest {
    private static final long PAGES = 8192;
    private static final int ERROR_FRAME = 3, PAGES_FRAME = 7, DROP_FRAME = 8;
    private static final long MANY = 64;
    /** Fewer than are asked for at once. */
    private static final int FEW = 640;

    private final CountDownLatch released = new CountDownLatch(1);

    MovePagesTest() {
        super(PAGES);
    }

    /** All pages are on the first server, and a few of them may be here. */
    private void split() throws Exception {
        machine.vm().setBudget(Pages.toBytes(PAGES / 4));
        machine.guest().run("fill 0 " + PAGES + " 6");
        machine.pageOut(0, PAGES, 0);
        Await.until(
                "what housekeeping was sending out is there, too",
                () -> machine.count(PageState.OUTGOING) == 0 && machine.count(PageState.PUNCHING) == 0);
    }

    private void empty(@Nullable Long rate) throws Exception {
        List<VmRecord.Lender> lenders = new ArrayList<>(machine.vm().record().lenders());
        lenders.set(0, lenders.get(0).leaving(rate));
        new PagingSwitch(machine.vm()).change(lenders);
    }

    private void awaitEmpty() throws Exception {
        Await.until("it is empty", () -> new PagingSwitch(machine.vm()).isEmptied(0));
        Await.until("it has dropped what it had", () -> held(0) == 0);
    }

    private long held(int lender) {
        return Pages.fromBytes(machine.lender(lender).server().heldBytes());
    }

    private void verify() throws Exception {
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    private static boolean isBulk(DamagingRelay.Frame frame) {
        return frame.type() == PAGES_FRAME && frame.pages() > MANY;
    }

    @Test
    void everyPageGoesStraightToTheOthersAndNoneComesHere() throws Exception {
        machine("h2", "h3", "h4").withTwoBackends().start();
        split();
        long remote = machine.count(PageState.REMOTE);
        long pageIns = machine.paging().stats().pageIns.sum();

        empty(null);

        awaitEmpty();
        assertThat(machine.count(PageState.REMOTE)).isEqualTo(remote);
        assertThat(machine.paging().stats().pageIns.sum()).isEqualTo(pageIns);
        assertThat(held(1) + held(2)).isEqualTo(remote);
        verify();
    }

    @Test
    void whatTheGuestWritesMeanwhileIsNeverReplacedByAnOlderCopy() throws Exception {
        machine("h2", "h3").start();
        split();
        machine.guest().begin("churn 4 4000 1 0 " + PAGES + " 40");

        empty(16L << 20);

        awaitEmpty();
        machine.guest().end();
        verify();
    }

    /** What it fetches for an earlier owner's daemon, or an earlier attempt, nobody told it to drop. */
    @Test
    void anOlderCopyThatAServerStillHasIsNotTakenForThePage() throws Exception {
        machine("h2", "h3").start();
        machine.guest().run("fill 0 " + PAGES + " 5");
        RunList some = new RunList();
        some.add(16, 64);
        machine.paging().homes().get(1).store(some, page -> {});
        split();

        empty(null);

        awaitEmpty();
        verify();
    }

    /** What a server has fetched is not named by the table yet: that does not make it stale. */
    @Test
    void staleCopiesAreLookedForWhilePagesMove() throws Exception {
        machine("h2", "h3").start();
        split();
        AtomicInteger looked = new AtomicInteger();
        machine.tell(point -> {
            if (point == FaultPoint.MOVE_STORED) {
                lookForStaleCopies();
                looked.incrementAndGet();
            }
        });

        empty(null);

        awaitEmpty();
        assertThat(looked.get()).isPositive();
        verify();
    }

    @Test
    void aPageThatIsAskedForWhileItIsFetchedAndDoesNotComeIsNotTakenForStale() throws Exception {
        machine("h2", "h3").start();
        split();
        AtomicInteger asked = new AtomicInteger();
        machine.tell(point -> {
            if (point == FaultPoint.MOVE_STORED && asked.getAndIncrement() == 0) {
                PageTable table = machine.table();
                long page = table.nextRemote(0, PAGES, 0);
                int entry = table.get(page);
                table.step(page, entry, PageEntry.inBulk(entry));
                lookForStaleCopies();
                table.step(page, PageEntry.inBulk(entry), entry);
            }
        });

        empty(null);

        awaitEmpty();
        assertThat(asked.get()).isPositive();
        verify();
    }

    private void lookForStaleCopies() {
        try {
            machine.paging().homes().get(1).suspectStale();
            machine.paging().reconcile(1, machine.vm().record()::isEmptied);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aPageThatTheGuestTouchesWhileItIsFetchedStaysHere() throws Exception {
        machine("h2", "h3");
        machine.lender(0).behind(frame -> {
            if (isBulk(frame)) {
                awaitRelease();
            }
        });
        machine.start();
        split();
        empty(null);

        machine.guest().run("verify 0 8");
        machine.guest().run("fill 0 8 7");
        released.countDown();

        awaitEmpty();
        verify();
    }

    private void awaitRelease() {
        try {
            assertThat(released.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void pagesThatAreDamagedOnTheirWayAreFetchedAgain() throws Exception {
        AtomicInteger damaged = new AtomicInteger();
        machine("h2", "h3");
        machine.lender(0).behind(frame -> {
            if (isBulk(frame) && damaged.getAndIncrement() < 3) {
                frame.flipInPage(3);
            }
        });
        machine.start();
        split();

        empty(null);

        awaitEmpty();
        assertThat(damaged.get()).isGreaterThan(3);
        verify();
    }

    @Test
    void itGoesOnAfterTheDaemonAndTheServersRestart() throws Exception {
        machine("h2", "h3").start();
        split();
        empty(4L << 20);
        Await.until("some have moved", () -> held(1) > 100);

        machine.stopDaemon();
        machine.lender(1).goAway();
        machine.lender(1).comeBack();
        machine.startDaemon();
        machine.awaitShim();
        empty(null);

        awaitEmpty();
        verify();
    }

    /** The new server has copies of all that is to move, and nobody knows it: they are no reason to call the pages missing. */
    @Test
    void whatWasFetchedForADaemonThatDiedIsDroppedAndFetchedAtOnce() throws Exception {
        machine("h2", "h3").start();
        machine.guest().run("fill 0 " + PAGES + " 6");
        machine.pageOut(0, FEW, 0);
        AtomicBoolean died = new AtomicBoolean();
        machine.tell(point -> {
            if (point == FaultPoint.MOVE_STORED) {
                awaitFew();
                died.set(true);
                throw new IllegalStateException("the daemon dies");
            }
        });
        empty(null);
        Await.until("it died", died::get);
        machine.stopDaemon();
        machine.tell(point -> {});

        machine.startDaemon();
        machine.awaitShim();

        Await.until(
                "it is empty, or something is wrong",
                () -> new PagingSwitch(machine.vm()).isEmptied(0) || trouble() != null);
        assertThat(trouble()).isNull();
        awaitEmpty();
        assertThat(held(1)).isEqualTo(FEW);
        verify();
    }

    private void awaitFew() {
        try {
            Await.until("all are fetched", () -> held(1) == FEW);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private List<MoveInfo> moves() {
        return machine.vm().moves(machine.vm().record());
    }

    private @Nullable String trouble() {
        return moves().stream()
                .map(MoveInfo::trouble)
                .filter(Objects::nonNull)
                .findFirst()
                .orElse(null);
    }

    /** It waits in the network, or at a server that is slow; the page has come there again since. */
    @Test
    void aDropThatADaemonSentWhichDiedTakesNoPageAwayThatHasComeSince() throws Exception {
        CountDownLatch sent = new CountDownLatch(1);
        CountDownLatch refused = new CountDownLatch(1);
        machine("h2", "h3");
        machine.lender(1).behind(frame -> {
            if (frame.type() == DROP_FRAME && sent.getCount() > 0) {
                sent.countDown();
                awaitRelease();
            } else if (frame.type() == ERROR_FRAME) {
                refused.countDown();
            }
        });
        machine.start();
        machine.guest().run("fill 0 " + PAGES + " 6");
        machine.pageOut(0, MANY, 1);
        machine.guest().run("verify 0 " + MANY); // they come back, and h3 is to drop them
        assertThat(sent.await(20, TimeUnit.SECONDS)).isTrue();
        machine.pageOut(0, MANY, 0);
        machine.stopDaemon();
        machine.startDaemon();
        machine.awaitShim();
        empty(null);
        awaitEmpty();
        assertThat(held(1)).isEqualTo(MANY);

        released.countDown();

        Await.until("the drop is refused, or done", () -> refused.getCount() == 0 || held(1) < MANY);
        assertThat(held(1)).isEqualTo(MANY);
        verify();
    }

    private void stay() throws IOException {
        List<VmRecord.Lender> lenders = new ArrayList<>(machine.vm().record().lenders());
        lenders.set(0, lenders.get(0).staying());
        new PagingSwitch(machine.vm()).change(lenders);
    }

    @Test
    void whatIsNotToMoveAnyMoreStaysAndIsPagedOutThereAgain() throws Exception {
        machine("h2", "h3").start();
        split();
        empty(1L << 20);
        Await.until("some have moved", () -> held(1) > 100);

        stay();
        machine.guest().run("fill 0 " + PAGES + " 8");

        Await.until("it is within its budget", () -> machine.table().resident() <= PAGES / 4);
        assertThat(machine.table().countRemote(0)).isPositive();
        assertThat(moves()).isEmpty();
        verify();
    }

    @Test
    void aServerThatCannotBeReachedIsNamedAndNothingIsLost() throws Exception {
        machine("h2", "h3").start();
        split();
        machine.lender(1).goAway();

        empty(null);

        Await.until(
                "splitmemd says so",
                () -> String.valueOf(moves().get(0).trouble()).startsWith("h2 to h3: "));
        machine.lender(1).comeBack();
        awaitEmpty();
        verify();
    }
}
