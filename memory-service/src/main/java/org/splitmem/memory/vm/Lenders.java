package org.splitmem.memory.vm;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.vm.LenderHousekeeping.Duty;

/** The memory servers of a paged VM, as its housekeeping deals with them: none is waited for on behalf of another. */
final class Lenders {
    private final VmRecord wired;
    private final PageTable table;
    private final List<LenderHousekeeping> all = new ArrayList<>();

    /** @param wired says which there are, and which are to be emptied, whatever the VM's record says later */
    Lenders(Vm vm, VmRecord wired, Paging paging) {
        this.wired = wired;
        this.table = paging.table();
        for (int host = 0; host < wired.lenders().size(); host++) {
            if (wired.ownsPages(host)) {
                all.add(new LenderHousekeeping(vm, wired, paging, host, this::changed));
            }
        }
    }

    void start() {
        all.forEach(LenderHousekeeping::start);
    }

    private synchronized void changed() {
        notifyAll();
    }

    /** Has each server told, until it has confirmed it, who the owner is. @return whether all have */
    boolean adopt() {
        boolean done = true;
        for (LenderHousekeeping lender : all) {
            if (!lender.isAdopted()) {
                lender.ask(Duty.ADOPT);
                done = false;
            }
        }
        return done;
    }

    void flushDrops() {
        for (LenderHousekeeping lender : all) {
            if (lender.home().hasDrops()) {
                lender.ask(Duty.DROP);
            }
        }
    }

    void reconcile() {
        for (LenderHousekeeping lender : all) {
            if (lender.home().mayHoldStale()) {
                lender.ask(Duty.RECONCILE);
            }
        }
    }

    /** Whether pages may become remote although no more are chosen. */
    boolean areSending() {
        return all.stream().anyMatch(LenderHousekeeping::isSending);
    }

    /** Pages that are likely to be free in a moment. */
    long underWay() {
        return all.stream().mapToLong(LenderHousekeeping::underWay).sum();
    }

    /**
     * The server with the most of its reservation left, of those to which a batch can be sent now. Waits for one that has its last batch
     * still to take, if there is no other.
     *
     * @return null if there is none until then
     */
    synchronized @Nullable LenderHousekeeping awaitRoom(long endNs) {
        LenderHousekeeping best = withRoom();
        long leftMs = (endNs - System.nanoTime()) / 1_000_000;
        while (best == null && leftMs > 0 && areSending()) {
            try {
                wait(leftMs);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return null;
            }
            best = withRoom();
            leftMs = (endNs - System.nanoTime()) / 1_000_000;
        }
        return best;
    }

    private @Nullable LenderHousekeeping withRoom() {
        LenderHousekeeping best = null;
        long most = 0;
        for (LenderHousekeeping lender : all) {
            long room = wired.room(lender.host(), table);
            if (room > most && lender.isFree()) {
                most = room;
                best = lender;
            }
        }
        return best;
    }

    /** What is under way fails, and all threads end. */
    void close() {
        all.forEach(LenderHousekeeping::end);
        try {
            for (LenderHousekeeping lender : all) {
                lender.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
