package org.splitmem.memory.workingset;

import static org.splitmem.memory.page.PageState.PUNCHING;

import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.wire.RunList;

/** Frees pages here that a home has as they are. For one thread; several may free pages of the same VM. */
final class PageFreer {
    private final PageReturner.Vm vm;
    private final PageTable table;
    private final NativeBlock argument = QemuMemory.newArgument();

    PageFreer(PageReturner.Vm vm) {
        this.vm = vm;
        this.table = vm.table();
    }

    /** @param entry what the page's has been @return false if it has changed: then the page stays */
    boolean claim(long page, int entry) {
        return table.step(page, entry, PageEntry.of(PUNCHING, PageEntry.home(entry)));
    }

    /** Frees pages that are claimed for that. */
    void free(RunList claimed) throws LinuxException {
        vm.points().reached(FaultPoint.RETURN_PUNCHING);
        for (int run = 0; run < claimed.runs(); run++) {
            long end = claimed.first(run) + claimed.count(run);
            vm.memory().punch(claimed.first(run), claimed.count(run));
            vm.points().reached(FaultPoint.RETURN_PUNCHED);
            for (long page = claimed.first(run); page < end; page++) {
                table.put(page, PageEntry.pagedOut(PageEntry.home(table.get(page))));
            }
            vm.qemu().wake(argument, claimed.first(run), claimed.count(run)); // faults that found it claimed wait
        }
    }
}
