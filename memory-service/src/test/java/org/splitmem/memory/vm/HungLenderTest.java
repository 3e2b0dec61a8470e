package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Await;

/** A memory server whose host takes connections and data, and never answers: what others keep goes on as ever. */
class HungLenderTest extends MachineTest {
    private static final long PAGES = 2048;
    private static final long FAR_LESS_THAN_TIME_LIMITS_NS = TimeUnit.SECONDS.toNanos(5);

    /** Of housekeeping. */
    private static final long SOME_TICKS_NS = TimeUnit.MILLISECONDS.toNanos(300);

    private final CountDownLatch back = new CountDownLatch(1);
    private volatile boolean hangs;

    HungLenderTest() {
        super(PAGES);
    }

    /** Half of its pages are out, on both; from now on h2 hangs. */
    private void startAndHang() throws Exception {
        machine("h2", "h3");
        machine.lender(0).behind(frame -> holdBack());
        CountDownLatch adopted = new CountDownLatch(2);
        machine.tell(point -> {
            if (point == FaultPoint.ADOPTED) {
                adopted.countDown();
            }
        });
        machine.start();
        machine.guest().run("fill 0 " + PAGES + " 4");
        assertThat(adopted.await(20, TimeUnit.SECONDS)).isTrue(); // or the first to answer might take all
        machine.vm().setBudget(Pages.toBytes(PAGES / 2));
        Await.until(
                "half of it is out, on both",
                () -> machine.table().resident() <= PAGES / 2
                        && machine.table().countRemote(0) > 0
                        && machine.table().countRemote(1) > 0);
        hangs = true;
    }

    private void holdBack() {
        try {
            if (hangs) {
                back.await();
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @AfterEach
    void comeBack() {
        back.countDown();
    }

    @Test
    void pagesGoOutToOthersAndAllComeBackLater() throws Exception {
        startAndHang();

        machine.vm().setBudget(Pages.toBytes(PAGES / 4));

        Await.until("no more is here than the budget", () -> machine.table().resident() <= PAGES / 4);
        assertThat(machine.table().countRemote(1)).isGreaterThan(PAGES / 4);
        back.countDown();
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    /** A daemon that takes up a VM tells all servers that it is the owner: those that answer are used. */
    @Test
    void aNewDaemonUsesThoseThatAnswer() throws Exception {
        startAndHang();
        machine.stopDaemon();
        machine.startDaemon();
        machine.awaitShim();

        machine.vm().setBudget(Pages.toBytes(PAGES / 4));

        Await.until("no more is here than the budget", () -> machine.table().resident() <= PAGES / 4);
    }

    @Test
    void itsVmIsFreedAtOnce() throws Exception {
        startAndHang();
        machine.vm().setBudget(Pages.toBytes(PAGES / 4));
        machine.guest().begin("verify 0 " + PAGES);
        Await.until("a fault waits for it", () -> machine.count(PageState.INCOMING) > 0);
        Await.until("a page-out waits for it", () -> machine.count(PageState.OUTGOING) > 0);
        machine.guest().close();
        long beganNs = System.nanoTime();

        machine.registry().remove(machine.vm(), "its QEMU is gone");

        assertThat(System.nanoTime() - beganNs).isLessThan(FAR_LESS_THAN_TIME_LIMITS_NS);
    }

    /** The budget has grown again by the time that the only pages which are to be remote have arrived. */
    @Test
    void pagesOnTheirWayWhenTheBudgetGrowsComeBack() throws Exception {
        machine("h2");
        machine.lender(0).behind(frame -> {
            if (frame.pages() > 0) {
                holdBack();
            }
        });
        machine.start();
        machine.guest().run("fill 0 " + PAGES + " 4");
        hangs = true;
        machine.vm().setBudget(Pages.toBytes(PAGES / 2));
        Await.until("pages are on their way", () -> machine.count(PageState.OUTGOING) > 0);

        machine.vm().setBudget(Pages.toBytes(PAGES));
        LockSupport.parkNanos(SOME_TICKS_NS);
        back.countDown();

        Await.until("all of it is back", () -> new PagingSwitch(machine.vm()).off(released -> {}));
        machine.guest().run("verify 0 " + PAGES);
    }
}
