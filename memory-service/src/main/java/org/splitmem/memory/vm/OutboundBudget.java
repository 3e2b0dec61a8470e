package org.splitmem.memory.vm;

import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntPredicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.shim.ShimSession;
import org.splitmem.memory.workingset.PageReturner;

/** Keeps a split VM within its budget while it migrates to another host: its {@link Housekeeping} has ended. A thread of its own. */
public final class OutboundBudget implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(OutboundBudget.class);
    private static final long TICK_NS = 50_000_000L;
    /** For a VM that is far over its budget: there is no time to see what the guest touches. */
    private static final long SHORT_TICK_NS = 5_000_000L;

    private static final long END_MS = 5;
    private static final long FAILED_PAUSE_NS = 1_000_000_000L;
    /** At most one page in so many of the budget is kept free for arrivals. */
    private static final long MOST_ROOM = 16;

    private final Vm vm;
    private final Paging paging;
    private final PageTable table;
    private final PageReturner returner;
    private final PluggedDevices devices;
    private final Thread thread;
    private long pageInsBefore;
    private long returned;
    private volatile long looks; // written by the thread
    private volatile boolean closed;

    OutboundBudget(Vm vm, Paging paging, PageReturner.Transfers transfers, Outbound.Devices devices)
            throws LinuxException {
        this.vm = vm;
        this.paging = paging;
        this.table = paging.table();
        this.pageInsBefore = paging.stats().pageIns.sum();
        this.returner = new PageReturner(
                new PageReturner.Vm(
                        paging.memory(),
                        paging.qemu(),
                        table,
                        paging.stats(),
                        paging.arrivals().gate(),
                        paging.keepCopies(),
                        paging.homes(),
                        vm::reached),
                transfers,
                this::home);
        this.devices = new PluggedDevices(vm, devices, () -> true);
        this.thread = new Thread(this::run, "budget-" + vm.uuid());
        thread.setDaemon(true);
        this.devices.start();
        thread.start();
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // this thread alone writes it
    private void run() {
        long pauseNs = TICK_NS;
        boolean failed = false;
        while (!closed) {
            LockSupport.parkNanos(pauseNs);
            try {
                pauseNs = tick();
                failed = false;
                looks++;
            } catch (IOException | RuntimeException | OutOfMemoryError e) {
                if (!closed && !failed) {
                    log.warn("vm={} is not kept within its budget for now", vm.uuid(), e);
                }
                failed = true;
                pauseNs = FAILED_PAUSE_NS;
            }
        }
        returner.end();
    }

    /** @return how long to wait before the next one */
    private long tick() throws IOException {
        ShimSession shim = vm.session();
        if (shim == null || closed) {
            return TICK_NS;
        }
        if (devices.obstacle() != null) {
            returner.cancel();
        }
        returned += returner.free();
        long over = table.resident() - vm.budgetPages();
        long excess = over + roomForArrivals() - returner.underWay();
        if (!devices.allowPageOut(excess > 0) || excess <= 0) {
            return TICK_NS;
        }
        returner.mark(shim, excess);
        return over > vm.budgetPages() / MOST_ROOM ? SHORT_TICK_NS : TICK_NS;
    }

    /** How often it has done what is to be done. */
    long looks() {
        return looks;
    }

    /** The memory server with the most of its reservation left, of those that pages may be sent to. */
    private int home(IntPredicate isFree) {
        VmRecord record = vm.record();
        int best = PageReturner.NO_HOME;
        long most = 0;
        for (int host = 0; host < record.lenders().size(); host++) {
            long room = record.ownsPages(host) ? record.room(host, table) : 0;
            if (room > most && isFree.test(host)) {
                most = room;
                best = host;
            }
        }
        return best;
    }

    /** Until what is marked now is freed, if pages come as they have come since the last tick. */
    private long roomForArrivals() {
        long pageIns = paging.stats().pageIns.sum();
        long arrived = pageIns - pageInsBefore;
        pageInsBefore = pageIns;
        return Math.min(table.elsewhere(), Math.min(2 * arrived, vm.budgetPages() / MOST_ROOM));
    }

    /** What is about to leave stays; pages that come from now on stay, too. Again does nothing. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        devices.close();
        LockSupport.unpark(thread);
        try {
            thread.join(END_MS);
            while (thread.isAlive()) {
                paging.homes().forEach(Home::interrupt); // it waits for one
                thread.join(END_MS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        log.info("vm={} {} pages were given back while it migrated", vm.uuid(), returned);
    }
}
