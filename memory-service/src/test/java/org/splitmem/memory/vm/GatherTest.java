package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.migration.FakePeers;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.migration.TestMigrations;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.DamagingRelay;
import org.splitmem.memory.testing.SeededTest;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationState;

/** A split VM comes back to its main host, many pages at once, whatever its guest and its memory servers do meanwhile. */
class GatherTest extends MachineTest {
    private static final long PAGES = 8192;
    private static final int PAGES_FRAME = 7;
    private static final long MANY = 64;

    private final CountDownLatch released = new CountDownLatch(1);

    GatherTest() {
        super(PAGES);
    }

    /** Everything but a few pages is on the memory servers. */
    private void split(int lenders) throws Exception {
        machine.guest().run("fill 0 " + PAGES + " 6");
        for (long page = 0; page < PAGES; page += PAGES / 8) {
            machine.pageOut(page, PAGES / 8, (int) (page / (PAGES / 8)) % lenders);
        }
        assertThat(machine.count(PageState.REMOTE)).isEqualTo(PAGES);
    }

    private void gather() throws Exception {
        machine.vm().setBudget(Pages.toBytes(PAGES));
    }

    private void awaitGathered() throws Exception {
        Await.until("all of it is here", () -> machine.table().elsewhere() == 0);
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    private void awaitNothingHeld(int lender) throws Exception {
        Await.until(
                "what is stale is dropped",
                () -> machine.lender(lender).server().heldBytes() == 0);
    }

    /** A frame of many pages from a memory server; page-outs have fewer. */
    private static boolean isBulk(DamagingRelay.Frame frame) {
        return frame.type() == PAGES_FRAME && frame.pages() > MANY;
    }

    @Test
    void everyByteComesFromAllServersAndNothingStaysThere() throws Exception {
        machine("h2", "h3").withTwoBackends().start();
        split(2);

        gather();

        awaitGathered();
        awaitNothingHeld(0);
        awaitNothingHeld(1);
        assertThat(machine.paging().stats().pageIns.sum()).isEqualTo(PAGES);
        Await.until("nothing is under way", () -> machine.vm().gathering() == null);
    }

    /** It has been asked for, and nothing of that comes: its thread does not wait for that. */
    @Test
    void aPageThatTheGuestTouchesMeanwhileComesFirstAndIsNeverReplacedByAnOlderCopy() throws Exception {
        machine("h2");
        machine.lender(0).behind(frame -> {
            if (isBulk(frame)) {
                awaitRelease();
            }
        });
        machine.start();
        split(1);
        gather();
        Await.until("pages are asked for", () -> machine.count(PageState.INCOMING) > MANY);

        machine.guest().run("verify 0 8");
        machine.guest().run("fill 0 8 7");
        released.countDown();

        awaitGathered();
    }

    /** That more is to be here is in its operation's record alone. */
    @Test
    void aPartThatComesBackGoesOnWithTheNextDaemon() throws Exception {
        machine("h2").start();
        split(1);
        machine.vm().setBudget(Pages.toBytes(PAGES / 8));
        service(TestMigrations.operations(directory))
                .operations()
                .setBudget(machine.vm(), Pages.toBytes(PAGES / 2), 8L << 20);
        Await.until("some is here", () -> machine.table().resident() > MANY);
        machine.stopDaemon();

        machine.startDaemon();
        Operations operations = TestMigrations.operations(directory);
        service(operations);
        machine.awaitShim();

        Await.until("it is over", () -> operations.list(false).isEmpty());
        assertThat(operations.list(true)).extracting(OperationInfo::state).containsExactly(OperationState.DONE);
        assertThat(machine.table().resident()).isEqualTo(PAGES / 2);
        machine.guest().run("verify 0 " + PAGES);
    }

    private MigrationService service(Operations operations) throws IOException {
        return TestMigrations.service(directory, machine.registry(), new FakePeers("h2"), operations);
    }

    private void awaitRelease() {
        try {
            assertThat(released.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void pagesThatAreDamagedOnTheirWayAreAskedForAgain() throws Exception {
        AtomicInteger damaged = new AtomicInteger();
        machine("h2");
        machine.lender(0).behind(frame -> {
            if (isBulk(frame)) {
                for (int page = 0; page < frame.pages(); page += 100) {
                    frame.flipInPage(page);
                    damaged.incrementAndGet();
                }
            }
        });
        machine.start();
        split(1);

        gather();

        awaitGathered();
        assertThat(damaged.get()).isPositive();
        assertThat(machine.paging().stats().damaged.sum()).isEqualTo(damaged.get());
    }

    /** The ones of the other do not wait for it, and it is said what is waited for. */
    @Test
    void aServerThatIsAwayIsWaitedForAndNothingIsLost() throws Exception {
        machine("h2", "h3").start();
        split(2);
        machine.lender(1).goAway();

        gather();
        Await.until("what the other has is here", () -> machine.count(PageState.LOCAL) == PAGES / 2);
        Await.until(
                "the one that is away is named",
                () -> Objects.requireNonNull(machine.vm().gathering()).trouble() != null);
        GatherInfo info = Objects.requireNonNull(machine.vm().gathering());
        assertThat(info.trouble()).contains("h3");
        assertThat(info.bytesRemaining()).isEqualTo(Pages.toBytes(PAGES / 2));
        machine.lender(1).comeBack();

        awaitGathered();
        awaitNothingHeld(1);
    }

    /** The guest touches none of it: no fault asks for it instead. */
    @Test
    void whatAServerThatDiesHasBeenAskedForIsAskedForOnceMore() throws Exception {
        machine("h2");
        machine.lender(0).behind(frame -> {
            if (isBulk(frame)) {
                awaitRelease();
            }
        });
        machine.start();
        split(1);
        gather();
        Await.until("pages are asked for", () -> machine.count(PageState.INCOMING) > MANY);

        machine.lender(0).goAway();
        released.countDown();
        machine.lender(0).comeBack();

        awaitGathered();
    }

    @SeededTest(runs = 2)
    void serversThatGoAndComeBackWhileTheGuestWritesLoseNothing(long seed) throws Exception {
        machine("h2", "h3").start();
        split(2);
        Random random = new Random(seed);
        machine.guest().begin("churn 4 4000 " + seed + " 0 " + PAGES + " 40");

        gather();
        for (int i = 0; i < 4; i++) {
            LockSupport.parkNanos(random.nextInt(20_000_000));
            machine.lender(i % 2).goAway();
            machine.lender(i % 2).comeBack();
        }

        machine.guest().end();
        awaitGathered();
    }

    /** What is on its way comes; nothing more is asked for, and what is over goes out again. */
    @Test
    void aBudgetThatIsLoweredMeanwhileEndsIt() throws Exception {
        machine("h2").start();
        split(1);
        machine.vm().setBudget(Pages.toBytes(PAGES), 1 << 20);
        Await.until("it has begun", () -> machine.table().resident() > 0);

        machine.vm().setBudget(Pages.toBytes(PAGES / 2));
        assertThat(machine.vm().gathering()).isNull();
        Await.until("nothing is under way", () -> machine.count(PageState.INCOMING) == 0);
        long resident = machine.table().resident();
        LockSupport.parkNanos(300_000_000);

        assertThat(machine.table().resident()).isEqualTo(resident).isLessThan(PAGES / 2);
        machine.guest().run("verify 0 " + PAGES);
    }

    /** Half of it fits: no more is asked for than that, from whichever server. */
    @Test
    void aPartIsGatheredAsFarAsThereIsRoom() throws Exception {
        machine("h2", "h3").start();
        split(2);
        machine.vm().setBudget(Pages.toBytes(PAGES / 4));

        machine.vm().setBudget(Pages.toBytes(PAGES / 2));

        // Both: with the first budget pages may just have been on their way out.
        Await.until(
                "its room is filled, and no more comes",
                () -> machine.count(PageState.LOCAL) == PAGES / 2 && machine.count(PageState.REMOTE) == PAGES / 2);
        machine.guest().run("verify 0 " + PAGES);
    }

    @Test
    void theBandwidthIsKeptToAndTold() throws Exception {
        machine("h2").start();
        split(1);
        long startNs = System.nanoTime();

        machine.vm().setBudget(Pages.toBytes(PAGES), 32L << 20);
        GatherInfo info = Objects.requireNonNull(machine.vm().gathering());

        assertThat(info.bandwidthBytesPerSecond()).isEqualTo(32L << 20);
        awaitGathered();
        assertThat(System.nanoTime() - startNs).isGreaterThan(700_000_000L);
    }

    @Test
    void itGoesOnAfterTheDaemonRestarts() throws Exception {
        machine("h2").start();
        split(1);
        machine.vm().setBudget(Pages.toBytes(PAGES), 1 << 20);
        Await.until("it has begun", () -> machine.table().resident() > 0);
        machine.stopDaemon();
        machine.startDaemon();
        machine.awaitShim();

        Await.until("it goes on", () -> machine.vm().gathering() != null);
        assertThat(Objects.requireNonNull(machine.vm().gathering()).bandwidthBytesPerSecond())
                .isEqualTo(1 << 20);
        gather();
        awaitGathered();
    }

    /** One that has lost what it had, as after a reboot: what it says it does not have stays marked, and is counted. */
    @Test
    void pagesThatAServerDoesNotHoldAreCountedAsLost() throws Exception {
        machine("h2").start();
        split(1);
        machine.paging().homes().get(0).drop(5);
        machine.paging().homes().get(0).flushDrops();
        Await.until("it is dropped", () -> machine.lender(0).server().heldBytes() == Pages.toBytes(PAGES - 1));

        gather();

        Await.until("all others are here", () -> machine.count(PageState.LOCAL) == PAGES - 1);
        assertThat(machine.paging().stats().lost.sum()).isEqualTo(1);
        assertThat(PageEntry.state(machine.table().get(5))).isEqualTo(PageState.INCOMING);
    }

    @AfterEach
    @Override
    void end() {
        released.countDown();
        super.end();
    }
}
