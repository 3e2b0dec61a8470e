package org.splitmem.memory.vm;

import static org.splitmem.memory.page.PageState.FILLING;
import static org.splitmem.memory.page.PageState.LOCAL;
import static org.splitmem.memory.page.PageState.PUNCHING;
import static org.splitmem.memory.page.PageState.REMOTE;
import static org.splitmem.memory.page.PageState.ZERO;

import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.shim.DiscardConnection;
import org.splitmem.memory.shim.DiscardHandler;
import org.splitmem.memory.shim.DiscardRule;
import org.splitmem.memory.shim.ShimHandler;
import org.splitmem.memory.shim.ShimSession;

/**
 * Makes pages ZERO that the guest of a paged VM gives back (free page reporting, the balloon), wherever they are.
 *
 * <pre>
 *   LOCAL     -> FILLING      claimed: faults wait                  (found after a crash: LOCAL if the file has it, else ZERO)
 *   FILLING   -> ZERO, LOCAL  QEMU's thread has freed it, or not: the file tells
 *   REMOTE(k) -> PUNCHING(k)  claimed: faults wait                  (found after a crash: REMOTE)
 *   PUNCHING  -> ZERO         QEMU has confirmed; then server k is to drop it
 *   PUNCHING  -> REMOTE(k)    QEMU waited no longer: it counts as never given back
 * </pre>
 *
 * A page in any other state, and any page while a migration or a switch of the paging is under way, keeps its content: what
 * guests give back is advice. One connection at a time; its thread alone claims and settles.
 */
final class GivenBack {
    private static final int UNCLAIMED = PageEntry.of(ZERO);

    private final Vm vm;

    // Guarded by this.
    private @Nullable DiscardConnection current;
    private boolean stopped;

    GivenBack(Vm vm) {
        this.vm = vm;
    }

    /** How a VM is watched of which QEMU has just mapped a part. What an incoming QEMU discards is no guest's: it does not run yet. */
    static ShimHandler.Watch watch(VmRecord.Phase phase, int modes) {
        DiscardRule rule = switch (phase) {
            case LOCAL -> DiscardRule.KERNEL;
            case INCOMING -> DiscardRule.REFUSED;
            case PAGED, LEAVING, LEFT -> DiscardRule.IGNORED;
        };
        return new ShimHandler.Watch(modes, rule);
    }

    /** @throws IOException if it is not the VM's QEMU that asks, or this daemon serves the VM no more */
    synchronized DiscardHandler serving(int pid, DiscardConnection connection) throws IOException {
        int known = vm.record().pid();
        if (known != pid) {
            throw new IOException("process " + pid + " is not the QEMU of VM " + vm.name() + ", which is " + known);
        }
        if (stopped) {
            throw new IOException("this daemon serves VM " + vm.name() + " no more");
        }
        if (current != null) {
            current.end(); // the shim has closed it before it made this one
        }
        current = connection;
        return new Taker();
    }

    /**
     * Ends the connection. What is claimed stays so for the next daemon: QEMU's thread may be about to free it, and that daemon
     * looks only when the shim connects, which it does when its thread has returned.
     */
    synchronized void stop() {
        stopped = true;
        if (current != null) {
            current.end();
        }
    }

    private synchronized boolean isStopped() {
        return stopped;
    }

    private final class Taker implements DiscardHandler {
        private final NativeBlock argument = QemuMemory.newArgument();
        private final int[] before = new int[DiscardConnection.MAX_PAGES]; // the entries of claimed pages
        private @Nullable Paging paging;
        private long first;
        private int pages;

        @Override
        public void hold(Exchange exchange) throws IOException {
            vm.using(exchange::run);
        }

        @Override
        public int claim(int backend, long offset, long bytes, ShimSession.RangeConsumer free) throws IOException {
            Paging p = vm.paging();
            if (p == null || isStopped() || !vm.mayPageOut()) {
                return 0;
            }
            locate(p.memory(), backend, offset, bytes);
            paging = p;
            int claimed = 0;
            for (int i = 0; i < pages; i++) {
                before[i] = claimPage(p.table(), first + i);
                claimed += before[i] == UNCLAIMED ? 0 : 1;
            }
            if (claimed > 0) {
                // A mapper that took one of them for LOCAL is done then; one that comes later sees the claim.
                p.arrivals().gate().awaitMappers();
                vm.reached(FaultPoint.GIVEN_CLAIMED);
                addLocal(offset, free);
            }
            return claimed;
        }

        private void locate(GuestMemory memory, int backend, long offset, long bytes) throws IOException {
            boolean known = backend >= 0 && backend < memory.backends();
            boolean whole = ((offset | bytes) & (Pages.SIZE - 1)) == 0;
            boolean few = bytes > 0 && bytes <= Pages.toBytes(before.length);
            if (!known
                    || !whole
                    || !few
                    || offset < 0
                    || offset > memory.file(backend).bytes() - bytes) {
                throw new IOException("QEMU of VM " + vm.name() + " gives back " + bytes + " B at " + offset
                        + " of RAM backend " + backend);
            }
            first = memory.firstPage(backend) + Pages.fromBytes(offset);
            pages = Math.toIntExact(Pages.fromBytes(bytes));
        }

        /** @return its entry before, or UNCLAIMED */
        private int claimPage(PageTable table, long page) {
            int entry = table.get(page);
            return switch (PageEntry.state(entry)) {
                case LOCAL, REMOTE -> table.step(page, entry, claimed(entry)) ? entry : UNCLAIMED;
                case ZERO, AT_SOURCE, OUTGOING, INCOMING, PUNCHING, FILLING -> UNCLAIMED;
            };
        }

        private static int claimed(int entry) {
            return PageEntry.state(entry) == LOCAL
                    ? PageEntry.of(FILLING)
                    : PageEntry.of(PUNCHING, PageEntry.home(entry));
        }

        private void addLocal(long offset, ShimSession.RangeConsumer free) {
            int i = 0;
            while (i < pages) {
                int start = i;
                while (i < pages && PageEntry.state(before[i]) == LOCAL) {
                    i++;
                }
                if (i > start) {
                    free.add(offset + Pages.toBytes(start), Pages.toBytes(i - start));
                } else {
                    i++;
                }
            }
        }

        @Override
        public void settle(boolean confirmed) throws IOException {
            Paging p = paging;
            paging = null;
            if (p == null || isStopped()) {
                return;
            }
            vm.reached(FaultPoint.GIVEN_FREED);
            long data = first; // of the file: what is before it and was claimed is a hole
            for (int i = 0; i < pages; i++) {
                if (PageEntry.state(before[i]) == LOCAL) {
                    data = settleLocal(p, i, data);
                } else if (before[i] != UNCLAIMED) {
                    settleRemote(p, i, confirmed);
                }
            }
            Arrays.fill(before, 0, pages, UNCLAIMED);
            p.qemu().wake(argument, first, pages); // those that faulted meanwhile were left waiting
        }

        private long settleLocal(Paging p, int i, long data) throws LinuxException {
            long page = first + i;
            long next = data <= page ? p.memory().nextData(page) : data;
            move(p, page, before[i], PageEntry.of(next == page ? LOCAL : ZERO));
            if (next != page) {
                p.stats().givenBack.increment();
            }
            return next;
        }

        private void settleRemote(Paging p, int i, boolean confirmed) {
            if (!confirmed) {
                move(p, first + i, before[i], before[i]);
                return;
            }
            int host = PageEntry.home(before[i]);
            // A page-out of this page waits for the gate: it cannot store before the drop of the old copy is noted.
            // And the table comes first: else the next daemon might take for the server's what that has dropped.
            long ticket = p.arrivals().gate().enter();
            try {
                move(p, first + i, before[i], PageEntry.of(ZERO));
                vm.reached(FaultPoint.GIVEN_ZERO);
                p.homes().get(host).drop(first + i);
            } finally {
                p.arrivals().gate().leave(ticket);
            }
            p.stats().givenBack.increment();
            p.stats().givenBackRemote.increment();
        }

        private void move(Paging p, long page, int entry, int next) {
            if (!p.table().step(page, claimed(entry), next)) {
                throw new IllegalStateException("vm=" + vm.uuid() + " page " + page + " was claimed but is "
                        + PageEntry.state(p.table().get(page)));
            }
        }
    }
}
