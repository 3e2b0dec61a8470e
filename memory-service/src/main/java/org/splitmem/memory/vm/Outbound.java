package org.splitmem.memory.vm;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.linux.Userfaultfd;
import org.splitmem.memory.shim.DiscardRule;
import org.splitmem.memory.shim.ShimSession;
import org.splitmem.memory.workingset.PageReturner;

/**
 * A VM's way from this host to another one. Stateless; for one thread at a time, the caller sees to that.
 *
 * <p>One that is whole here is watched for as long as it migrates: it has a page table and a pager for that time. One that is split here goes on
 * being paged, but its memory servers lose nothing: a page that is paged in meanwhile stays there as it was. So the new
 * owner may read it there, and the VM stays within its budget by giving such pages back.
 */
public final class Outbound {
    private static final Logger log = LoggerFactory.getLogger(Outbound.class);

    private final Vm vm;

    public Outbound(Vm vm) {
        this.vm = vm;
    }

    /**
     * Takes the VM under the daemon's eyes for a migration.
     *
     * @throws IOException if QEMU is not connected, or it is split and not in order
     */
    public Paging watch() throws IOException {
        return vm.record().isPaged() ? watchSplit() : vm.watch();
    }

    private Paging watchSplit() throws IOException {
        ShimSession shim = vm.requireSession();
        Paging paging = vm.holdPageOuts();
        try {
            shim.setDiscards(DiscardRule.IGNORED); // a drop that is noted now is sent only if the VM stays
            return paging;
        } catch (IOException e) {
            vm.allowPageOuts();
            throw e;
        }
    }

    /** Begins to have the kernel note what the guest writes. What it was asked to watch for before it goes on watching for. */
    public void trackWrites() throws IOException {
        ShimSession shim = vm.requireSession();
        if (vm.record().isPaged()) {
            // It stays on afterwards, too: it can be taken off only with the others, and a fault in between would be
            // lost.
            PagingSwitch.setModes(vm, shim, Paging.MODES | Userfaultfd.REGISTER_MODE_WP);
            return;
        }
        // The kernel alone answers the guest from here on. It takes modes off only all together; nothing is remote, so
        // nothing can go wrong in between.
        PagingSwitch.setModes(vm, shim, 0);
        PagingSwitch.setModes(vm, shim, Userfaultfd.REGISTER_MODE_WP);
    }

    /**
     * From now on what a split VM pages in stays on its memory servers as well, and the VM is kept within its budget by giving such pages back.
     * Once writes are tracked, and all that is here is to be sent.
     *
     * @param transfers of the migration
     * @param devices asked now and then
     * @return to be closed before the last scan
     */
    public OutboundBudget keepBudget(PageReturner.Transfers transfers, Devices devices) throws IOException {
        Paging paging = vm.paging();
        if (paging == null) {
            throw new IOException("VM " + vm.name() + " is not paged any more");
        }
        return new OutboundBudget(vm, paging, transfers, devices);
    }

    /** Asks QEMU whether it has a device that forbids to free what the guest uses. */
    public interface Devices {
        /** Which, and why; null if there is none. */
        @Nullable
        String obstacle() throws IOException;
    }

    /** Ends {@link #watch}: the VM is served as before. One that is leaving comes back by {@link #stays}. */
    public void unwatch() throws IOException {
        if (vm.record().isPaged()) {
            pageOutAgain();
            return;
        }
        if (vm.record().leavesSplit()) {
            return;
        }
        ShimSession shim = vm.session();
        try {
            if (shim != null) {
                PagingSwitch.leaveToKernel(vm, shim);
            }
        } catch (IOException e) {
            log.warn("vm={} QEMU keeps asking this daemon about its RAM: {}", vm.uuid(), e.getMessage());
        }
        vm.endWatch();
    }

    /**
     * The hypervisor is about to switch over: whatever happens to this daemon, the RAM must stay.
     *
     * @param how a new owner would reach its pages
     * @param destination the host of that owner
     */
    public void leaving(VmRecord.Lender how, String destination) throws IOException {
        vm.change(record -> record.leaving(how, destination));
    }

    /** The guest is here: the hypervisor's migration failed, or it has resumed the guest here after the handover. */
    public void stays() throws IOException {
        VmRecord record = vm.record();
        if (record.phase() != VmRecord.Phase.LEAVING && record.phase() != VmRecord.Phase.LEFT) {
            return;
        }
        boolean split = record.leavesSplit();
        vm.change(left -> left.withoutSource().withPhase(split ? VmRecord.Phase.PAGED : VmRecord.Phase.LOCAL));
        ShimSession shim = vm.session();
        if (split) {
            pageOutAgain();
        } else if (shim != null) { // an earlier daemon may have left them set
            PagingSwitch.leaveToKernel(vm, shim);
        }
        if (shim != null) {
            shim.holdExit(false);
        }
    }

    private void pageOutAgain() {
        Paging paging = vm.paging();
        if (paging != null) {
            paging.dropCopies();
        }
        vm.allowPageOuts();
    }

    /** It was handed over: from here on this host only keeps its pages for the new owner to fetch. */
    public void left() throws IOException {
        vm.change(record -> record.withPhase(VmRecord.Phase.LEFT));
    }

    /** Its new owner has every page: nothing here is of use any more once QEMU has exited. */
    public void fetched() throws IOException {
        vm.change(record -> record.withoutSource().withoutLenders()); // first: the next daemon would miss the table
        vm.endWatch();
    }
}
