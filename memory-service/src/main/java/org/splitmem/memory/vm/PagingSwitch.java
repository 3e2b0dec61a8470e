package org.splitmem.memory.vm;

import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.shim.DiscardRule;
import org.splitmem.memory.shim.ShimSession;

/**
 * Puts a VM's paging on and off while its guest runs: from the kernel's hands into the daemon's, and back.
 *
 * <p>What the record says is what the next daemon goes by. So it says PAGED only between the moment at which the page table
 * is true, and the one at which nothing is remote any more. For one thread at a time; the caller sees to that.
 */
public final class PagingSwitch {
    private static final Logger log = LoggerFactory.getLogger(PagingSwitch.class);

    private final Vm vm;

    public PagingSwitch(Vm vm) {
        this.vm = vm;
    }

    /**
     * Notes whose memory is about to be reserved for a local VM: the next daemon gives it back, if this one does not finish.
     *
     * @return the record that the VM is to have
     * @throws IOException if QEMU is not connected, or that cannot be written down
     */
    public VmRecord begin(List<VmRecord.Lender> lenders, long budgetBytes) throws IOException {
        vm.requireSession();
        if (vm.paging() != null) {
            throw new IOException("VM " + vm.name() + " is just becoming whole: ask again");
        }
        vm.save(vm.record().withLenders(lenders));
        vm.reached(FaultPoint.SPLIT_NOTED);
        return vm.record().split(budgetBytes);
    }

    /**
     * Has this daemon page a VM that the kernel alone has served. Its memory servers have reserved.
     *
     * @param next as {@link #begin} said
     * @throws IOException if QEMU or a memory server did not do its part: {@link #cancel} makes the VM local again
     */
    public void on(VmRecord next) throws IOException {
        vm.using(() -> watchAndRecord(next));
    }

    private void watchAndRecord(VmRecord next) throws IOException {
        Paging paging = vm.watch(next);
        paging.adoptHomes(next); // before it is recorded: a store without an owner would be freed some day
        vm.reached(FaultPoint.SPLIT_ADOPTED);
        setModes(vm, vm.requireSession(), Paging.MODES);
        vm.reached(FaultPoint.SPLIT_WATCHED);
        paging.findPresent(); // only now: until then the kernel filled pages that nobody was told of
        vm.reached(FaultPoint.SPLIT_TABLED);
        vm.paged(paging, next);
        log.info("vm={} is split here, within {} B, on {}", vm.uuid(), next.budgetBytes(), hosts(next));
    }

    private static String hosts(VmRecord record) {
        return String.join(
                ", ", record.lenders().stream().map(VmRecord.Lender::host).toList());
    }

    /** The kernel alone serves it, as before {@link #begin}. What was reserved is given back before, by the caller. */
    public void cancel() throws IOException {
        new Outbound(vm).unwatch();
        vm.save(vm.record().withoutLenders());
    }

    /**
     * Ends the paging of a VM that is whole here again: the kernel alone serves it from now on, and no daemon stands between.
     *
     * @param release told, before it is recorded, whose memory servers are no longer needed
     * @return false if it goes on being paged
     */
    public boolean off(Consumer<VmRecord> release) throws IOException {
        Paging p = vm.paging();
        ShimSession shim = vm.session();
        Housekeeping h = vm.housekeeping();
        if (p == null || h == null || shim == null || !isWhole(p)) {
            return false;
        }
        h.close();
        if (!mayEnd(p, shim)) {
            vm.startHousekeeping(p);
            return false;
        }
        release.accept(vm.record());
        vm.unpaged(); // first of all: a VM that is found LOCAL is left to the kernel when its shim connects
        vm.reached(FaultPoint.UNPAGED);
        try {
            leaveToKernel(vm, shim);
        } finally {
            vm.endPaging(p);
        }
        log.info("vm={} is whole here: served by the kernel alone", vm.uuid());
        return true;
    }

    /**
     * Changes which memory servers a VM has that is paged, and how they are used; housekeeping follows. Those that are new have to know their
     * owner; those that go, to be empty.
     */
    public void change(List<VmRecord.Lender> lenders) throws IOException {
        VmRecord before = vm.record();
        Paging paging = vm.paging();
        if (paging != null) {
            paging.connectNew(before, before.withLenders(lenders)); // before housekeeping can know of them
        }
        vm.change(record -> record.withLenders(lenders));
        if (paging != null) {
            paging.disconnectGone(before, vm.record());
        }
    }

    /**
     * The migration's source has confirmed that the guest cannot run there any more: this host becomes the owner of what memory servers keep.
     * Does nothing unless they are shared with that source.
     *
     * @param token of the source
     */
    public void takeOver(String token) throws IOException {
        VmRecord record = vm.record();
        VmRecord.Lender source = record.comesFrom();
        if (record.sharesLenders() && source != null && source.token().equals(token)) {
            vm.reached(FaultPoint.SOURCE_CONFIRMED);
            vm.takeOver();
            vm.reached(FaultPoint.TAKEN_OVER);
            log.info("vm={} {} is done with it: its sub-hosts are this host's to use", vm.uuid(), source.host());
        }
    }

    /** Whether a memory server that is to be emptied is empty, and stays so. */
    public boolean isEmptied(int host) {
        Housekeeping h = vm.housekeeping();
        return h != null && h.isEmpty(host);
    }

    /** Changes what all userfaultfds of a VM watch for. */
    public static void setModes(Vm vm, ShimSession shim, int modes) throws IOException {
        for (int backend = 0; backend < vm.record().backendBytes().size(); backend++) {
            shim.setModes(backend, modes);
        }
    }

    /** The kernel alone answers the VM's faults from here on, and frees what its guest gives back. Nothing may be elsewhere. */
    static void leaveToKernel(Vm vm, ShimSession shim) throws IOException {
        setModes(vm, shim, 0);
        shim.setDiscards(DiscardRule.KERNEL);
    }

    /** Nothing is given back any more, so that it stays whole. */
    private boolean mayEnd(Paging p, ShimSession shim) {
        try {
            shim.setDiscards(DiscardRule.IGNORED);
            return isWhole(p);
        } catch (IOException e) {
            log.warn("vm={} goes on being paged: {}", vm.uuid(), e.getMessage());
            return false;
        }
    }

    /** Whether all of it is here, it may all stay, and nothing is under way. */
    private boolean isWhole(Paging p) {
        PageTable table = p.table();
        return vm.mayPageOut()
                && !vm.record().sharesLenders()
                && vm.budgetPages() == table.pages()
                && table.elsewhere() == 0;
    }
}
