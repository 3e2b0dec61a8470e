package org.splitmem.memory.sim;

import java.io.IOException;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;

/** What has to become true of a VM that stays where it is, once nothing goes wrong any more. */
final class Settled {
    private final World world;
    private final Guest guest;

    Settled(World world, Guest guest) {
        this.world = world;
        this.guest = guest;
    }

    /** @throws IOException if a host cannot be asked just now */
    boolean holds() throws IOException {
        for (SimHost host : world.hosts()) {
            if (!host.daemon().operations().list(false).isEmpty()) {
                return false;
            }
        }
        Vm vm = World.vmOn(guest.qemu().host());
        Paging paging = vm == null ? null : vm.paging();
        if (paging == null) {
            return true; // all of it is to be freed, which is looked at when it is whole
        }
        for (SimHost host : world.subHosts()) {
            if (hasHeir(host) || host.daemon().server().heldBytes() > namedBytes(vm, paging.table(), host)) {
                return false;
            }
        }
        return true;
    }

    /** No store names a next owner. */
    private static boolean hasHeir(SimHost host) throws IOException {
        return host.daemon().server().kept().stream()
                .map(kept -> kept.store().next())
                .anyMatch(next -> next != null);
    }

    /** Of the pages that the owner's table has there: a copy of any other one is in the way of those that may come. */
    private static long namedBytes(Vm vm, PageTable table, SimHost host) {
        var lenders = vm.record().lenders();
        long named = 0;
        for (int home = 0; home < lenders.size(); home++) {
            for (long page = 0; lenders.get(home).host().equals(host.name()) && page < table.pages(); page++) {
                named += isThere(table.get(page), home) ? 1 : 0;
            }
        }
        return named * 4096;
    }

    private static boolean isThere(int entry, int home) {
        return PageEntry.names(entry, home) || (PageEntry.isCopied(entry) && PageEntry.home(entry) == home);
    }
}
