package org.splitmem.bridge.store;

import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A migration, as it stands in the database.
 *
 * @param sourceSide what was booked for the VM before, by host
 * @param targetSide what is booked for its destination, by host: sub-hosts, or the destination itself if it is whole there
 * @param whole whether all of its RAM goes to the destination
 * @param split whether the VM is split already: its main host changes, and its sub-hosts keep what they have or, if it is to be whole, send it there.
 *     One of them that is the destination itself keeps nothing in the end
 * @param novaMigration uuid of Nova's own record of it; absent if Nova did not say
 * @param requestId of the request that planned it, as OpenStack joins logs by; absent if it is of an older bridge
 * @param daemonId the migration's id at the source's splitmemd; absent until that has taken it
 * @param reason why it is where it is
 * @param abortAsked whether somebody wants it to end; of a failed one, whether its source has still to be told
 */
public record Migration(
        String id,
        Vm vm,
        String destination,
        Status status,
        Map<String, String> extraSpecs,
        Map<String, Long> sourceSide,
        Map<String, Long> targetSide,
        boolean whole,
        boolean split,
        Progress progress,
        @Nullable UUID novaMigration,
        @Nullable String requestId,
        @Nullable String daemonId,
        @Nullable String reason,
        boolean abortAsked,
        long createdMs,
        long updatedMs,
        @Nullable Long finishedMs) {
    public Migration {
        extraSpecs = Map.copyOf(extraSpecs);
        sourceSide = Map.copyOf(sourceSide);
        targetSide = Map.copyOf(targetSide);
    }

    public UUID instance() {
        return vm.instance();
    }

    public String source() {
        return vm.host();
    }

    /** The sub-hosts, by name; none if it is whole. */
    public Map<String, Long> subHosts() {
        return whole ? Map.of() : new TreeMap<>(targetSide);
    }

    /** Those of the sub-hosts that keep nothing of the VM yet. */
    public Map<String, Long> newSubHosts() {
        Map<String, Long> added = new TreeMap<>(subHosts());
        if (split) {
            added.keySet().removeAll(sourceSide.keySet());
        }
        return added;
    }

    /** Whether the VM is split, and its new main host is one of its sub-hosts: what that keeps leaves it once the VM runs there. */
    public boolean comesToItsSubHost() {
        return split && sourceSide.containsKey(destination);
    }

    /** What is booked while it is not over. */
    public Map<String, Long> bothSides() {
        return split ? bothSidesOfSplit(destination, sourceSide, targetSide) : sum(sourceSide, targetSide);
    }

    /**
     * Of a VM that is split: a host that is on both sides is a sub-host that stays, and booked once. The destination is on both if it is a sub-host
     * and all of the VM comes there; it has both until its own store is empty.
     */
    public static Map<String, Long> bothSidesOfSplit(
            String destination, Map<String, Long> source, Map<String, Long> target) {
        Map<String, Long> both = new TreeMap<>(source);
        target.forEach((host, mb) -> both.merge(host, mb, host.equals(destination) ? Long::sum : Math::max));
        return both;
    }

    private static Map<String, Long> sum(Map<String, Long> source, Map<String, Long> target) {
        Map<String, Long> both = new TreeMap<>(source);
        target.forEach((host, mb) -> both.merge(host, mb, Long::sum));
        return both;
    }

    /** What may be resident on the destination. */
    public long budgetMb() {
        return whole ? vm.ramMb() : vm.mainMb();
    }
}
