package org.splitmem.memory.vm;

import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.splitmem.memory.fault.Arrivals;
import org.splitmem.memory.faultpoint.FaultPoints;
import org.splitmem.memory.home.Home;
import org.splitmem.memory.move.Moving;
import org.splitmem.memory.page.PageTable;

/** A paged VM as what moves its pages between memory servers sees it. Any thread. */
final class MovedVm implements Moving.Vm {
    private final Vm vm;
    private final VmRecord wired;
    private final Paging paging;
    private final Pull pull;

    /** @param wired says which memory servers there are, and which are to be emptied, whatever the VM's record says later */
    MovedVm(Vm vm, VmRecord wired, Paging paging, Pull pull) {
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
    public PageTable table() {
        return paging.table();
    }

    @Override
    public Arrivals arrivals() {
        return paging.arrivals();
    }

    @Override
    public FaultPoints points() {
        return vm::reached;
    }

    @Override
    public List<Integer> emptied() {
        return indices(wired::isEmptied);
    }

    @Override
    public List<Integer> takers() {
        return indices(host -> wired.ownsPages(host) && !wired.isEmptied(host));
    }

    private List<Integer> indices(IntPredicate which) {
        return IntStream.range(0, wired.lenders().size()).filter(which).boxed().toList();
    }

    @Override
    public long room(int host) {
        return wired.room(host, table());
    }

    @Override
    public Home home(int index) {
        return paging.homes().get(index);
    }

    @Override
    public long bytesPerSecond(int host) {
        Long limit = wired.lenders().get(host).moveRate();
        return limit == null ? 0 : limit;
    }

    /** What is gathered here need not go elsewhere first. */
    @Override
    public boolean mayMove() {
        return vm.mayPageOut() && !pull.isOn();
    }
}
