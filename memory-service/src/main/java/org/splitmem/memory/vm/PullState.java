package org.splitmem.memory.vm;

import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.Pages;

/** Whether pages come back to a VM because its budget has grown, for those who list it. Stateless. */
public final class PullState {
    private PullState() {}

    /** True of one that is paged here and to which none is to come back any more. Not while its housekeeping rests. */
    public static boolean isOver(Vm vm) {
        Housekeeping before = vm.housekeeping();
        boolean isOff = vm.gathering() == null;
        return before != null && isOff && before == vm.housekeeping();
    }

    /** What has room here comes back, as before this daemon has started. @return false if its housekeeping rests */
    public static boolean resume(Vm vm) {
        Housekeeping housekeeping = vm.housekeeping();
        if (housekeeping == null) {
            return false;
        }
        housekeeping.pull();
        return true;
    }

    /** Bytes that have room here, and are not. */
    public static long missingBytes(Vm vm) {
        Paging paging = vm.paging();
        return paging == null ? 0 : missingBytes(vm, paging);
    }

    private static long missingBytes(Vm vm, Paging paging) {
        long room = Math.max(0, vm.budgetPages() - paging.table().resident());
        return Pages.toBytes(Math.min(room, paging.table().count(PageState.REMOTE)));
    }
}
