package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.guest.MappedFile;
import org.splitmem.memory.linux.Mman;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.testing.SeededTest;

/** The daemon ends under a running guest and another takes its place: nothing may be lost, whatever was under way. */
class RestartTest extends MachineTest {
    private static final long PAGES = 1024;

    RestartTest() {
        super(PAGES);
    }

    private void restart() throws Exception {
        machine.stopDaemon();
        machine.startDaemon();
        machine.awaitShim();
    }

    @Test
    void aNewDaemonTakesUpTheVmWithAllItsPages() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 " + PAGES + " 2");
        machine.pageOut(0, PAGES / 2, 0);

        restart();

        assertThat(machine.table().countRemote(0)).isEqualTo(PAGES / 2);
        machine.guest().run("verify 0 " + PAGES);
        machine.guest().run("fill 0 " + PAGES + " 3");
        machine.guest().run("verify 0 " + PAGES);
    }

    /** How much RAM it has was not known before its QEMU came. */
    @Test
    void aVmThatWasBornPagedIsTakenUpWithAllItsPages() throws Exception {
        machine("h2").born().start();
        machine.guest().run("fill 0 " + PAGES + " 2");
        machine.pageOut(0, PAGES / 2, 0);

        restart();

        assertThat(machine.table().countRemote(0)).isEqualTo(PAGES / 2);
        machine.guest().run("verify 0 " + PAGES);
    }

    @Test
    void aFaultThatTheOldDaemonHadReadIsAnsweredByTheNewOne() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 " + PAGES + " 2");
        machine.pageOut(0, PAGES, 0);
        machine.lender(0).goAway();
        machine.guest().begin("verify 0 " + PAGES);
        Await.until("the old daemon has read the fault", () -> machine.count(PageState.INCOMING) > 0);

        machine.stopDaemon();
        machine.lender(0).comeBack();
        machine.startDaemon();

        machine.guest().end();
    }

    @SeededTest(runs = 2)
    void daemonsThatComeAndGoLoseNothing(long seed) throws Exception {
        machine("h2", "h3").start();
        machine.guest().run("fill 0 " + PAGES + " 1");
        Random random = new Random(seed);

        machine.guest().begin("churn 6 3000 " + seed + " 0 " + PAGES + " 40");
        for (int i = 0; i < 15 && !machine.guest().hasAnswered(); i++) {
            machine.pageOut(random.nextInt((int) PAGES / 2), PAGES / 2, random.nextInt(2));
            restart();
        }

        machine.guest().end();
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    @Test
    void everyStepThatACrashCanInterruptIsTakenUpTruly() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 512 7");
        machine.pageOut(0, 256, 0);
        machine.guest().run("verify 0 0");
        machine.stopDaemon();
        try (MappedFile ram = open("ram0", Pages.toBytes(PAGES));
                MappedFile file = open("table", PageTable.bytesFor(PAGES) + Pages.SIZE)) {
            PageTable table = new PageTable(Mman.view(file.address(), (int) file.bytes()), PAGES);
            for (long page = 0; page < 64; page++) { // acknowledged by h2, the local copy not yet freed
                table.put(page, PageEntry.of(PageState.PUNCHING, 0));
                garble(ram, page);
            }
            for (long page = 64; page < 128; page++) { // half arrived
                table.put(page, PageEntry.of(PageState.INCOMING, 0));
                garble(ram, page);
            }
            for (long page = 256; page < 320; page++) { // on its way, not acknowledged
                table.put(page, PageEntry.of(PageState.OUTGOING, 0));
            }
            for (long page = 320; page < 384; page++) { // flags of a sampling that nobody goes on with
                table.put(page, PageEntry.withAge(PageEntry.of(PageState.LOCAL) | PageEntry.SAMPLED, 5));
            }
            for (long page = 512; page < 576; page++) { // the kernel had not filled it
                table.put(page, PageEntry.of(PageState.FILLING));
            }
            for (long page = 576; page < 640; page++) { // the kernel had filled it
                Mman.view(ram.address() + Pages.toBytes(page), Pages.SIZE).put(0, (byte) 0);
                table.put(page, PageEntry.of(PageState.FILLING));
            }
        }

        machine.startDaemon();
        machine.awaitShim();

        PageTable table = machine.table();
        assertStates(table, 0, 256, PageState.REMOTE);
        assertStates(table, 256, 512, PageState.LOCAL);
        assertStates(table, 512, 576, PageState.ZERO);
        assertStates(table, 576, 640, PageState.LOCAL);
        assertStates(table, 640, PAGES, PageState.ZERO);
        machine.guest().run("verify 0 " + PAGES);
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    /** No memory server has such a page: it must not be looked for on one. */
    @Test
    void aPageOfZerosWhosePageOutIsCutOffIsStillThere() throws Exception {
        machine("h2").start();
        machine.guest().run("verify 0 64"); // reading fills them
        Await.until("the fill is noted", () -> machine.count(PageState.LOCAL) == 64);

        assertThatThrownBy(() -> machine.pageOut(0, 64, 0, RestartTest::dieWhenPunched))
                .isInstanceOf(IllegalStateException.class);
        restart();

        assertStates(machine.table(), 0, PAGES, PageState.ZERO);
        machine.guest().run("verify 0 64");
        assertThat(machine.paging().stats().lost.sum()).isZero();
    }

    private static void dieWhenPunched(FaultPoint point) {
        if (point == FaultPoint.PAGES_PUNCHED) {
            throw new IllegalStateException("the daemon dies here");
        }
    }

    private MappedFile open(String name, long bytes) throws Exception {
        return MappedFile.openSparse(directory.resolve("vms/" + Machine.VM + "/" + name), bytes);
    }

    private static void garble(MappedFile ram, long page) {
        ByteBuffer bytes = Mman.view(ram.address() + Pages.toBytes(page), Pages.SIZE);
        GuestContent.write(bytes, page, 99);
    }

    private static void assertStates(PageTable table, long from, long end, PageState expected) {
        for (long page = from; page < end; page++) {
            assertThat(PageEntry.state(table.get(page))).as("page " + page).isEqualTo(expected);
            assertThat(PageEntry.has(table.get(page), PageEntry.SAMPLED))
                    .as("page " + page)
                    .isFalse();
        }
    }

    @Test
    void aVmWhoseQemuDiedMeanwhileCanBeFreed() throws Exception {
        machine("h2").start();
        machine.guest().run("fill 0 64 1");
        machine.stopDaemon();
        machine.guest().close();

        machine.startDaemon();

        assertThat(machine.vm().isQemuGone()).isTrue();
        machine.registry().remove(machine.vm(), "its QEMU is gone");
        assertThat(machine.registry().all()).isEmpty();
        assertThat(directory.resolve("vms/" + Machine.VM)).doesNotExist();
    }

    @Test
    void aVmOfWhichNothingWasRecordedIsClearedAway() throws Exception {
        Files.createDirectories(directory.resolve("vms/" + Machine.VM));
        machine();

        machine.startDaemon();

        assertThat(machine.registry().all()).isEmpty();
        assertThat(directory.resolve("vms/" + Machine.VM)).doesNotExist();
    }
}
