package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.fault.Pager;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.shim.DiscardHandler;
import org.splitmem.memory.shim.FakeShim;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.MemoryDirectory;
import org.splitmem.memory.testing.SeededTest;

/** Memory that the guest of a paged VM gives back takes up no room anywhere, and never comes back as it was. */
class GivenBackTest extends MachineTest {
    private static final long PAGES = 2048;

    GivenBackTest() {
        super(PAGES);
    }

    /** Pages move only when the test says so. */
    private Machine still(String... lenders) throws Exception {
        return machine(lenders).with(new PagingConfig(new Pager.Tuning(1, 0, 1, 0), 0, 1, 7));
    }

    /** The guest gives a page back until the daemon takes it: its housekeeping has then seen that it may. */
    private void awaitTaken(long page) throws Exception {
        Await.until("the daemon takes what is given back", () -> {
            machine.guest().run("fill " + page + " 1 9");
            machine.guest().run("discard " + page + " 1");
            return machine.paging().stats().givenBack.sum() > 0;
        });
    }

    private long allocated() throws Exception {
        return MemoryDirectory.allocatedBytes(directory.resolve("vms/" + Machine.VM + "/ram0"));
    }

    @Test
    void whatIsHereIsFreed() throws Exception {
        still("h2").start();
        awaitTaken(2047);
        machine.guest().run("fill 0 1024 3");

        machine.guest().run("discard 100 700");

        assertThat(machine.count(PageState.LOCAL)).isEqualTo(1024 - 700);
        assertThat(machine.count(PageState.ZERO)).isEqualTo(PAGES - 1024 + 700);
        assertThat(allocated()).isEqualTo(Pages.toBytes(1024 - 700));
        machine.guest().run("believe 100 700 0");
        machine.guest().run("verify 0 1024");
        assertThat(machine.paging().stats().givenBackRemote.sum()).isZero();
    }

    @Test
    void whatIsOnAMemoryServerIsDroppedThereWithoutBeingFetched() throws Exception {
        still("h2", "h3").start();
        awaitTaken(2047);
        machine.guest().run("fill 0 1024 3");
        machine.pageOut(0, 512, 0);
        machine.pageOut(512, 512, 1);

        machine.guest().run("discard 256 512");

        assertThat(machine.table().countRemote(0)).isEqualTo(256);
        assertThat(machine.table().countRemote(1)).isEqualTo(256);
        assertThat(machine.count(PageState.ZERO)).isEqualTo(PAGES - 512);
        assertThat(machine.paging().stats().givenBackRemote.sum()).isEqualTo(512);
        assertThat(machine.paging().stats().pageIns.sum()).isZero();
        for (int host = 0; host < 2; host++) {
            int server = host;
            Await.until("it keeps half", () -> machine.lender(server).server().heldBytes() == Pages.toBytes(256));
        }
        machine.guest().run("believe 256 512 0");
        machine.guest().run("verify 0 1024");
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    @Test
    void severalBackendsAreGivenBackEachForItself() throws Exception {
        still("h2").withTwoBackends().start();
        awaitTaken(2047);
        machine.guest().run("fill 0 " + PAGES + " 3");
        machine.pageOut(600, 100, 0);

        machine.guest().run("discard 513 300");

        machine.guest().run("believe 513 300 0");
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.table().countRemote(0)).isZero();
    }

    /** The old copy's drop comes before the new copy, also if both are sent at once. */
    @Test
    void aPageThatIsWrittenAndSentOutAgainIsKept() throws Exception {
        still("h2").start();
        awaitTaken(2047);
        for (int version = 1; version < 30; version++) {
            machine.guest().run("fill 0 256 " + version);
            machine.pageOut(0, 256, 0);
            machine.guest().run("discard 0 256");
        }
        machine.guest().run("fill 0 256 77");
        machine.pageOut(0, 256, 0);
        Await.until("drops are sent", () -> {
            machine.paging().homes().get(0).flushDrops();
            return true;
        });

        machine.guest().run("verify 0 256");

        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    @SeededTest(runs = 3)
    void neitherAWriteNorAPageIsLostWhileMemoryIsGivenBack(long seed) throws Exception {
        machine("h2", "h3").start();
        awaitTaken(0);
        machine.guest().run("fill 0 " + PAGES + " 1");
        Random random = new Random(seed);

        machine.guest().begin("churn 6 4000 " + seed + " 0 " + PAGES + " 40 10");
        for (int i = 0; i < 20 || !machine.guest().hasAnswered(); i++) {
            long from = random.nextInt((int) PAGES - 256);
            machine.pageOut(from, 1 + random.nextInt(256), random.nextInt(2));
        }

        machine.guest().end();
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.paging().stats().lost.sum()).isZero();
        assertThat(machine.paging().stats().givenBackRemote.sum()).isPositive();
    }

    /** While the daemon is away memory is kept, and the guest does not wait for it. */
    @SeededTest(runs = 2)
    void daemonsThatComeAndGoLoseNothing(long seed) throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 " + PAGES + " 1");
        machine.pageOut(0, PAGES / 2, 0);

        machine.guest().begin("churn 4 3000 " + seed + " 0 " + PAGES + " 40 20");
        for (int i = 0; i < 6; i++) {
            machine.stopDaemon();
            machine.startDaemon();
            machine.awaitShim();
            machine.pageOut(i * 256L, 256, 0);
        }

        machine.guest().end();
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    /** Whoever has the socket: another process, or a QEMU that asks for what it does not have. */
    @Test
    void onlyItsOwnQemuGivesItsMemoryBack() throws Exception {
        machine("h2").start();
        GivenBack givenBack = machine.vm().givenBack();
        FakeShim other = new FakeShim(Machine.VM);

        assertThatThrownBy(() -> givenBack.serving(1, other.discardConnection()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("process 1 is not the QEMU of VM guest");

        DiscardHandler handler = givenBack.serving(machine.vm().record().pid(), other.discardConnection());
        long[][] wrong = {
            {1, 0, 4096},
            {-1, 0, 4096},
            {0, 1, 4096},
            {0, 0, 4095},
            {0, 0, 0},
            {0, -4096, 4096},
            {0, Pages.toBytes(PAGES), 4096},
            {0, 0, Pages.toBytes(513)},
            {0, Long.MAX_VALUE - 4095, 8192}
        };
        for (long[] w : wrong) {
            assertThatThrownBy(() -> handler.claim((int) w[0], w[1], w[2], (offset, length) -> true))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("gives back");
        }
        other.close();
    }

    @Test
    void aVmThatIsWholeIsFreedByTheKernelWithoutADaemon() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 " + PAGES + " 4");
        Await.until("it is whole", () -> new PagingSwitch(machine.vm()).off(record -> {}));
        machine.stopDaemon();

        machine.guest().run("discard 0 1000");

        assertThat(allocated()).isEqualTo(Pages.toBytes(PAGES - 1000));
        machine.guest().run("believe 0 1000 0");
        machine.guest().run("verify 0 " + PAGES);
        machine.startDaemon();
    }
}
