package org.splitmem.memory.vm;

import org.splitmem.memory.fault.Arrivals;
import org.splitmem.memory.fault.FaultStats;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.gather.Gathering;
import org.splitmem.memory.guest.GuestMemory;
import org.splitmem.memory.guest.QemuMemory;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.page.PageTable;

/** A paged VM as what gathers it sees it. Any thread. */
final class GatheredVm implements Gathering.Vm {
    private final Vm vm;
    private final VmRecord wired;
    private final Paging paging;
    private final Pull pull;

    /** @param wired says which memory servers there are, whatever the VM's record says later */
    GatheredVm(Vm vm, VmRecord wired, Paging paging, Pull pull) {
        this.vm = vm;
        this.wired = wired;
        this.paging = paging;
        this.pull = pull;
    }

    @Override
    public String name() {
        return vm.uuid().toString();
    }

    @Override
    public GuestMemory memory() {
        return paging.memory();
    }

    @Override
    public QemuMemory qemu() {
        return paging.qemu();
    }

    @Override
    public PageTable table() {
        return paging.table();
    }

    @Override
    public Arrivals arrivals() {
        return paging.arrivals();
    }

    @Override
    public FaultStats stats() {
        return paging.stats();
    }

    @Override
    public FaultPoints points() {
        return vm::reached;
    }

    @Override
    public boolean isLender(int host) {
        return wired.ownsPages(host);
    }

    @Override
    public Home home(int index) {
        return paging.homes().get(index);
    }

    @Override
    public long room() {
        return pull.isOn() && vm.mayPageOut() ? vm.budgetPages() - table().resident() : 0;
    }

    @Override
    public long bytesPerSecond() {
        return vm.record().gatherRate();
    }
}
