package org.splitmem.memory.vm;

import java.util.HashMap;
import java.util.Map;
import org.splitmem.memory.gather.Gathering;
import org.splitmem.memory.move.Moving;

/**
 * Everything that works with the memory servers of a paged VM: for one set of them, so that nothing is ever sent to a server that another
 * part takes for one that is being emptied. Another set has an object of its own, made when this one's is closed.
 */
final class Servers implements AutoCloseable {
    private final VmRecord wired;
    private final Lenders lenders;
    private final Gathering gathering;
    private final Moving moving;

    Servers(Vm vm, Paging paging, Pull pull) {
        this.wired = vm.record();
        this.lenders = new Lenders(vm, wired, paging);
        this.gathering = new Gathering(new GatheredVm(vm, wired, paging, pull));
        this.moving = new Moving(new MovedVm(vm, wired, paging, pull));
    }

    void start() {
        lenders.start();
    }

    /** Those that are about to be asked to lend, and those that are gone, make no difference. */
    boolean areOf(VmRecord record) {
        return record.lenders().equals(wired.lenders()) || used(record).equals(used(wired));
    }

    private static Map<Integer, VmRecord.Lender> used(VmRecord record) {
        Map<Integer, VmRecord.Lender> used = new HashMap<>();
        for (int host = 0; host < record.lenders().size(); host++) {
            if (record.keepsPages(host)) {
                used.put(host, record.lenders().get(host));
            }
        }
        return used;
    }

    Lenders lenders() {
        return lenders;
    }

    Gathering gathering() {
        return gathering;
    }

    Moving moving() {
        return moving;
    }

    /** Whether a memory server is being emptied, by all that use it here. */
    boolean isEmptied(int host) {
        return wired.isEmptied(host);
    }

    /** What is under way fails, and all threads end. */
    @Override
    public void close() {
        moving.close();
        gathering.close();
        lenders.close();
    }
}
