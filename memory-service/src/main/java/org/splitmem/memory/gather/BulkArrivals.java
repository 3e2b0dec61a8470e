package org.splitmem.memory.gather;

import static org.splitmem.memory.page.PageState.INCOMING;
import static org.splitmem.memory.page.PageState.LOCAL;
import static org.splitmem.memory.page.PageState.REMOTE;

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
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;

/**
 * Takes pages that come in bulk from one memory server: writes them to the RAM file, makes them LOCAL, maps them and wakes who waits. A page
 * that is not in bulk any more, as a fault has asked for it meanwhile, is thrown away: only who has stepped its entry may write it.
 * Confined to one thread at a time; allocates nothing per page.
 */
final class BulkArrivals {
    private static final Logger log = LoggerFactory.getLogger(BulkArrivals.class);

    private final GuestMemory memory;
    private final QemuMemory qemu;
    private final PageTable table;
    private final Arrivals arrivals;
    private final Arrivals.Stale stale;
    private final FaultPoints points;
    private final int host;
    /** The entry of a page that this thread has claimed: no other writes it. */
    private final int claimed;

    private final NativeBlock argument = QemuMemory.newArgument();

    BulkArrivals(Gathering.Vm vm, int host, Arrivals.Stale stale) {
        this.memory = vm.memory();
        this.qemu = vm.qemu();
        this.table = vm.table();
        this.arrivals = vm.arrivals();
        this.points = vm.points();
        this.stale = stale;
        this.host = host;
        this.claimed = PageEntry.of(INCOMING, host);
    }

    /** @return how many were taken */
    long take(long address, long first, long count) throws IOException {
        long taken = 0;
        long end = first + count;
        for (long page = first; page < end; page++) {
            long from = page;
            while (page < end && claim(page)) {
                page++;
            }
            if (page > from) { // the page behind them is none of these
                takeClaimed(address + Pages.toBytes(from - first), from, page - from);
                taken += page - from;
            }
        }
        return taken;
    }

    private boolean claim(long page) {
        int entry = table.get(page);
        return PageEntry.isInBulk(entry, host) && table.step(page, entry, claimed);
    }

    private void takeClaimed(long address, long first, long count) throws IOException {
        try {
            memory.write(address, first, count);
        } catch (LinuxException e) {
            leave(first, count);
            throw e;
        }
        points.reached(FaultPoint.GATHER_STORED);
        long ticket = arrivals.gate().enter();
        try {
            for (long page = first; page < first + count; page++) {
                table.step(page, claimed, PageEntry.of(LOCAL));
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

    /** There was no room for pages: they stay where they are, and who waits for them faults again. */
    private void leave(long first, long count) throws LinuxException {
        try {
            memory.punch(first, count);
        } finally {
            for (long page = first; page < first + count; page++) {
                table.step(page, claimed, PageEntry.of(REMOTE, host));
            }
            qemu.wake(argument, first, count);
        }
    }
}
