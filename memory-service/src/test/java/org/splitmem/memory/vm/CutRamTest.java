package org.splitmem.memory.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.fault.Pager;
import org.splitmem.memory.guest.CutShortException;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.guest.RamFile;
import org.splitmem.memory.linux.Errno;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.testing.Await;

/** A paged VM whose QEMU cuts its RAM file short: it loses what was there, and the daemon goes on. */
class CutRamTest extends MachineTest {
    private static final long PAGES = 512;
    private static final long BYTES = Pages.toBytes(PAGES);

    CutRamTest() {
        super(PAGES);
    }

    private void start() throws Exception {
        machine("h2")
                .with(new PagingConfig(new Pager.Tuning(1, 0, 1, 0), 0, 1, 7)) // page by page, and nothing by itself
                .start();
        machine.guest().run("fill 0 " + PAGES + " 1");
        Await.until("the fills are noted", () -> machine.count(PageState.LOCAL) == PAGES);
    }

    private void cut(long bytes) throws Exception {
        Path ram = directory.resolve("vms/" + Machine.VM + "/ram0");
        try (FileChannel file = FileChannel.open(ram, StandardOpenOption.WRITE)) {
            file.truncate(bytes);
        }
    }

    @Test
    void pagesBehindTheEndAreNotSentOut() throws Exception {
        start();
        cut(Pages.toBytes(100) + 100);

        assertThat(machine.pageOut(0, 64, 0)).isEqualTo(64);
        assertThatThrownBy(() -> machine.pageOut(64, 64, 0))
                .isInstanceOf(CutShortException.class)
                .hasMessage("the RAM file of backend 0 has been cut short by its QEMU: 409700 B instead of " + BYTES);

        assertThat(machine.lender(0).server().heldBytes()).isEqualTo(Pages.toBytes(64));
        assertThat(machine.count(PageState.LOCAL)).isEqualTo(PAGES - 64);
        machine.guest().run("verify 0 64");
    }

    /** As of a guest that has written zeros: its own loss. */
    @Test
    void pagesOfAFileThatIsCutAndLengthenedAreZero() throws Exception {
        start();
        cut(0);
        RamFile.open(directory.resolve("vms/" + Machine.VM + "/ram0"), BYTES).close();

        machine.pageOut(0, 64, 0);

        assertThat(machine.lender(0).server().heldBytes()).isZero();
        machine.guest().run("believe 0 64 0");
        machine.guest().run("verify 0 64");
    }

    @Test
    void pagesThatComeBackAreInTheFile() throws Exception {
        start();
        machine.pageOut(0, 64, 0);
        cut(0);

        machine.askFor(0, 64);

        Await.until("they have arrived", () -> machine.count(PageState.LOCAL) == PAGES);
        machine.guest().run("verify 0 64");
    }

    @Test
    void aPageBehindTheEndIsCountedAsLost() throws Exception {
        start();
        NativeBlock argument = QemuMemory.newArgument();
        cut(0);

        long ticket = machine.paging().arrivals().gate().enter();
        machine.paging().arrivals().map(argument, 7, 1);
        machine.paging().arrivals().gate().leave(ticket);

        assertThat(machine.paging().stats().lost.sum()).isEqualTo(1);
        assertThat(machine.paging().qemu().zeroPages(argument, 7, 1)).isEqualTo(Errno.EFAULT); // as the pager expects
    }

    @Test
    void whatIsThereIsFoundAlsoIfItEndsWithinAPage() throws Exception {
        start();
        cut(Pages.toBytes(100) + 100);

        assertTimeoutPreemptively(Duration.ofSeconds(5), () -> machine.paging().findPresent());
    }
}
