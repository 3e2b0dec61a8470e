package org.splitmem.memory.sim;

import java.util.ArrayList;
import java.util.List;
import org.splitmem.memory.fault.ChunkSeal;
import org.splitmem.memory.page.PageEntry;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.sim.machine.Kernel;
import org.splitmem.memory.testing.GuestContent;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;

/** What must hold after each event. Reads the daemons' state while none of their threads runs: no lock is taken. */
final class Checks {
    private final World world;

    Checks(World world) {
        this.world = world;
    }

    void check() {
        oneOwner();
        withinReservations();
        Guest guest = world.guest();
        if (guest != null) {
            authoritativeCopies(guest);
        }
    }

    private void oneOwner() {
        List<String> owners = new ArrayList<>();
        for (SimHost host : world.hosts()) {
            SimDaemon daemon = host.daemonOrNull();
            Vm vm = daemon == null ? null : daemon.vms().find(World.VM);
            VmRecord.Phase phase =
                    vm == null ? VmRecord.Phase.LEFT : vm.record().phase();
            boolean isOwn = phase == VmRecord.Phase.LOCAL || phase == VmRecord.Phase.PAGED;
            // A plain migration's QEMU is one of a LOCAL VM, too, before it has received anything.
            if (isOwn
                    && world.qemusOn(host).stream()
                            .anyMatch(qemu -> qemu.monitor().hasRun())) {
                owners.add(host.name());
            }
        }
        if (owners.size() > 1) {
            throw new AssertionError("owners at once: " + owners + "; " + world);
        }
    }

    private void withinReservations() {
        for (SimHost host : world.hosts()) {
            SimDaemon daemon = host.daemonOrNull();
            if (daemon != null && daemon.server().heldBytes() > daemon.server().lentBytes()) {
                throw new AssertionError(host.name() + " holds more than it has lent; " + world);
            }
        }
    }

    /** Each page is, where the guest's daemon takes it to be, what the guest wrote. */
    private void authoritativeCopies(Guest guest) {
        SimDaemon daemon = guest.qemu().host().daemonOrNull();
        Vm vm = daemon == null ? null : daemon.vms().find(World.VM);
        if (vm == null) {
            return;
        }
        VmRecord record = vm.record();
        Paging paging = vm.paging();
        if (record.phase() == VmRecord.Phase.LOCAL && paging == null) {
            for (int page = 0; page < guest.pages(); page++) {
                inFile(guest, page, "whole");
            }
        }
        if (record.phase() == VmRecord.Phase.PAGED && paging != null) {
            ChunkSeal seal = paging.seal();
            for (int page = 0; page < guest.pages(); page++) {
                if (seal == null
                        || !seal.isSealed(page)) { // else the source has yet to say which of its pages are dirty
                    paged(guest, record, paging.table(), page);
                }
            }
        }
    }

    private void paged(Guest guest, VmRecord record, PageTable table, int page) {
        int entry = table.get(page);
        PageState state = PageEntry.state(entry);
        switch (state) {
            case LOCAL, OUTGOING -> inFile(guest, page, state.toString());
            case ZERO -> {
                if (guest.version(page) != 0 && !guest.isGivenBack(page)) {
                    throw wrong(guest, page, "ZERO", 0);
                }
            }
            case REMOTE, PUNCHING, INCOMING -> {
                if (PageEntry.isOnServer(entry)) {
                    VmRecord.Lender lender = record.lenders().get(PageEntry.home(entry));
                    if (!world.hasLost(lender.host())) {
                        inStore(guest, page, state + " on " + lender.host(), lender.host());
                    }
                }
            }
            case AT_SOURCE, FILLING -> {} // the source has it, or nobody: the guest will see
        }
    }

    private void inFile(Guest guest, int page, String where) {
        long word = guest.wordInFile(page);
        if (!isRight(guest, page, word)) {
            throw wrong(guest, page, where, word);
        }
    }

    private void inStore(Guest guest, int page, String where, String host) {
        Kernel kernel = world.kernel();
        Long word = kernel.wordIn("/" + host + "/mem/stores/" + World.VM + "/pages", page);
        if (word == null || !isRight(guest, page, word)) {
            throw wrong(guest, page, where, word == null ? 0 : word);
        }
    }

    private static boolean isRight(Guest guest, int page, long word) {
        return word == GuestContent.word(page, guest.version(page), 0) || (guest.isGivenBack(page) && word == 0);
    }

    private AssertionError wrong(Guest guest, int page, String where, long word) {
        return new AssertionError("page " + page + " is " + where + ", where it begins with " + Long.toHexString(word)
                + " instead of version " + guest.version(page) + "; " + world);
    }
}
