package org.splitmem.memory.gather;

import static org.splitmem.memory.page.PageState.LOCAL;

import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.fault.Arrivals;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageEntry;

/** Under a guest that runs: what has come is mapped, and who waits for it is woken. */
final class GatheredArrivals extends BulkArrivals {
    private static final Logger log = LoggerFactory.getLogger(GatheredArrivals.class);

    private final GuestMemory memory;
    private final QemuMemory qemu;
    private final Arrivals arrivals;
    private final Arrivals.Stale stale;
    private final FaultPoints points;
    private final NativeBlock argument = QemuMemory.newArgument();

    GatheredArrivals(Gathering.Vm vm, int host, Arrivals.Stale stale) {
        super(vm.memory(), vm.table(), host);
        this.memory = vm.memory();
        this.qemu = vm.qemu();
        this.arrivals = vm.arrivals();
        this.points = vm.points();
        this.stale = stale;
    }

    @Override
    void written(long first, long count) throws IOException {
        points.reached(FaultPoint.GATHER_STORED);
        long ticket = arrivals.gate().enter();
        try {
            stepAll(first, count, PageEntry.of(LOCAL));
            for (long page = first; page < first + count; page++) {
                stale.copyOf(page); // a page-out of this page waits for the gate: it cannot store before this is noted
            }
            points.reached(FaultPoint.GATHER_LOCAL);
            map(first, first + count);
        } finally {
            arrivals.gate().leave(ticket);
        }
    }

    private void map(long first, long end) {
        long page = first;
        while (page < end) {
            long to = memory.endOfPart(page, end);
            try {
                arrivals.map(argument, page, to - page);
            } catch (LinuxException e) {
                log.warn("pages from {} on arrived, their faults have to be tried again: {}", page, e.getMessage());
                qemu.wake(argument, page, to - page);
            }
            page = to;
        }
    }

    /** Who waits for them faults again. */
    @Override
    void left(long first, long count) {
        qemu.wake(argument, first, count);
    }
}
