package org.splitmem.memory.migration;

import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRecord.Lender.Stage;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationKind;

/**
 * A request with every choice made.
 *
 * @param id of the migration
 * @param destination the new main host
 * @param budgetBytes how much may be resident there
 * @param isSplit whether the VM is split here already: then nothing is sent to sub-hosts, which keep what they have
 * @param lenders the sub-hosts by index as the destination is to know them, with the reservations that are made or to make
 * @param subHosts those that the VM has not yet, and that are to reserve memory, by index
 * @param source how the destination reaches this host's pages; its token is the streams' as well
 * @param epoch of the new owner
 * @param origin by what its callers know it
 */
record MigrationTask(
        String id,
        PeerHosts.Peer destination,
        long budgetBytes,
        boolean isSplit,
        List<VmRecord.Lender> lenders,
        SortedMap<Integer, PeerHosts.Peer> subHosts,
        VmRecord.Lender source,
        long epoch,
        int streams,
        long bandwidthBytesPerSecond,
        Handover handover,
        Origin origin) {
    MigrationTask {
        lenders = List.copyOf(lenders);
        subHosts = Collections.unmodifiableSortedMap(new TreeMap<>(subHosts));
    }

    /** Reserved beyond each share, so that page-outs find room before the drops of page-ins have come through. */
    static final long SLACK_BYTES = 16L << 20;

    /** What it changes of a VM that is split; null of a whole one. */
    @Nullable
    MigrationKind splitKind() {
        if (!isSplit) {
            return null;
        }
        if (budgetBytes >= source.reservedBytes()) {
            return MigrationKind.GATHER;
        }
        boolean hasOthers = !subHosts.isEmpty() || lenders.stream().anyMatch(lender -> lender.is(Stage.SHARED_LEAVING));
        return hasOthers ? MigrationKind.N_TO_M : MigrationKind.PARTIAL;
    }

    /** Part of a budget that a plan leaves empty at least, for what is written after it. */
    static long headroomBytes(long budgetBytes) {
        return Math.min(budgetBytes / 8, 256L << 20);
    }

    /** Pages that each sub-host takes. */
    long[] subHostPages() {
        return lenders.stream()
                .mapToLong(lender -> Pages.fromBytes(lender.reservedBytes() - SLACK_BYTES))
                .toArray();
    }
}
