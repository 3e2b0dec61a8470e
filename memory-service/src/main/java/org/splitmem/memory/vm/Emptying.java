package org.splitmem.memory.vm;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.page.Pages;
import org.splitmem.model.MoveInfo;

/** How far the memory servers are emptied that a VM is to have no more. Pure functions. */
final class Emptying {
    private Emptying() {}

    /**
     * Of each that is to be emptied, also while nothing can move: its daemon has just started, say.
     *
     * @param paging null while the VM is not paged
     * @param housekeeping null while it does not move pages
     */
    static List<MoveInfo> of(VmRecord record, @Nullable Paging paging, @Nullable Housekeeping housekeeping) {
        List<MoveInfo> moves = new ArrayList<>();
        for (int host = 0; host < record.lenders().size(); host++) {
            VmRecord.Lender lender = record.lenders().get(host);
            if (lender.isToBeEmptied()) {
                long left = paging == null ? 0 : Pages.toBytes(paging.table().countRemote(host));
                moves.add(
                        housekeeping == null
                                ? new MoveInfo(lender.host(), left, 0, null, lender.moveRate(), null)
                                : housekeeping.move(lender, left));
            }
        }
        return moves;
    }
}
