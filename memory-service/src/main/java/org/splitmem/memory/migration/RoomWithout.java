package org.splitmem.memory.migration;

import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.splitmem.memory.page.Pages;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.VmInfo;

/**
 * What a split VM needs on further sub-hosts if one of its sub-hosts is to be emptied, by what its main host says of it. The main host reckons
 * the same when it is asked. Pure functions.
 */
public final class RoomWithout {
    /** What a sub-host reserves beyond its share. */
    public static final long SLACK_BYTES = MigrationTask.SLACK_BYTES;

    private RoomWithout() {}

    /** Bytes that the sub-hosts that stay have not reserved; 0 or less if they have room for all. */
    public static long missingBytes(VmInfo vm, String from) {
        long rest = Math.max(0, vm.ramBytes() - vm.budgetBytes());
        return rest - keptBytes(vm, from);
    }

    /** What the sub-hosts that stay may keep. */
    public static long keptBytes(VmInfo vm, String from) {
        Set<String> leaving = vm.moves().stream().map(MoveInfo::from).collect(Collectors.toSet());
        return vm.reservedBytes().entrySet().stream()
                .filter(entry -> !entry.getKey().equals(from) && !leaving.contains(entry.getKey()))
                .mapToLong(Map.Entry::getValue)
                .map(reserved -> reserved - SLACK_BYTES)
                .sum();
    }

    /** A share that leaves the VM room for what it writes later, if there is so much; in whole pages. */
    public static long comfortableBytes(VmInfo vm, long missing) {
        return wholePages(missing + MigrationTask.headroomBytes(vm.budgetBytes()));
    }

    /** The least that is in whole pages. */
    public static long wholePages(long bytes) {
        return Pages.roundUp(bytes);
    }
}
