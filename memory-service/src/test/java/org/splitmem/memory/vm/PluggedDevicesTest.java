package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.migration.GuestRoom;
import org.splitmem.memory.migration.WholeAgain;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.qmp.QemuDevice;
import org.splitmem.memory.qmp.QemuDevice.Kind;
import org.splitmem.memory.simulation.FakeMonitor;
import org.splitmem.memory.testing.Await;

/** A split VM gets a device that reads and writes guest RAM past QEMU's mappings. */
class PluggedDevicesTest extends MachineTest {
    private static final long PAGES = 2048;

    private FakeMonitor qemu;

    PluggedDevicesTest() {
        super(PAGES);
    }

    private void start() throws Exception {
        machine("h2");
        Files.createDirectories(directory.resolve("qmp"));
        qemu = new FakeMonitor(directory.resolve("qmp/" + Machine.VM + ".sock"));
        machine.start();
        machine.guest().run("fill 0 " + PAGES + " 3");
        machine.pageOut(0, PAGES / 2, 0);
    }

    @AfterEach
    void endMonitor() throws Exception {
        qemu.close();
    }

    private void plug() throws Exception {
        qemu.plug(new QemuDevice(Kind.BLOCK, "libvirt-3-storage", "file", true));
        Await.until("it is seen", () -> machine.vm().obstacle() != null);
        assertThat(machine.vm().obstacle()).startsWith("block libvirt-3-storage: reads past the page cache");
    }

    private long asked() {
        return qemu.asked().stream().filter("query-named-block-nodes"::equals).count();
    }

    @Test
    void nothingIsSentOutAsLongAsItIsThere() throws Exception {
        start();
        plug();
        long sentOut = machine.paging().stats().pageOuts.sum();

        machine.vm().setBudget(Pages.toBytes(PAGES / 4));

        long before = asked();
        Await.until("it was over its budget for a while", () -> asked() > before + 2);
        assertThat(machine.paging().stats().pageOuts.sum()).isEqualTo(sentOut);
        machine.guest().run("verify 0 " + PAGES);

        qemu.unplug();
        Await.until("it is within its budget", () -> machine.table().resident() <= PAGES / 4);
        machine.guest().run("verify 0 " + PAGES);
    }

    @Test
    void itIsGatheredIfThereIsRoom() throws Exception {
        start();
        machine.vm().setBudget(Pages.toBytes(PAGES * 3 / 4));
        WholeAgain withoutRoom =
                new WholeAgain(machine.registry(), new GuestRoom(machine.registry(), () -> Pages.toBytes(PAGES - 1)));
        WholeAgain withRoom =
                new WholeAgain(machine.registry(), new GuestRoom(machine.registry(), () -> Pages.toBytes(PAGES)));
        withRoom.sweep();
        assertThat(machine.vm().budgetPages()).as("without a device").isEqualTo(PAGES * 3 / 4);
        plug();

        withoutRoom.sweep();
        assertThat(machine.vm().budgetPages()).isEqualTo(PAGES * 3 / 4);
        withRoom.sweep();

        assertThat(machine.vm().budgetPages()).isEqualTo(PAGES);
        Await.until("all is here", () -> machine.table().elsewhere() == 0);
        machine.guest().run("verify 0 " + PAGES);
    }
}
