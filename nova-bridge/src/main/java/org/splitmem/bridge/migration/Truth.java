package org.splitmem.bridge.migration;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.model.VmState;

/** What should be booked for a VM that a daemon runs. Pure. */
final class Truth {
    private static final int MIB_SHIFT = 20;

    private Truth() {}

    /**
     * The booking that the daemon's word asks for; null if the VM is none of ours.
     *
     * <p>Shares that were booked for the same hosts stay as they are. If those are not known, the hosts' reservations tell them: each is
     * a share and a slack that is the same on all hosts.
     *
     * @param placed what was booked when the VM was placed; absent if nobody remembers
     * @param now what is booked
     * @param starting whether it was placed a short while ago to be started, and may not have been split yet
     */
    static @Nullable Map<String, Long> booking(
            Sightings.Running running, @Nullable PlacedVm placed, Map<String, Long> now, boolean starting) {
        long remainder = placed == null ? sum(now) : placed.vm().remainderMb();
        if (remainder == 0) {
            return placed == null ? null : Map.of();
        }
        Map<String, Long> reserved = running.vm().reservedBytes();
        Set<String> holders = reserved.keySet();
        boolean local = running.vm().state() == VmState.LOCAL || holders.isEmpty();
        if (local) {
            if (starting && placed != null && placed.vm().host().equals(running.host())) {
                return placed.booking();
            }
            return Map.of(running.host(), remainder);
        }
        if (now.keySet().equals(holders) && sum(now) == remainder) {
            return now;
        }
        if (placed != null && placed.booking().keySet().equals(holders) && sum(placed.booking()) == remainder) {
            return placed.booking();
        }
        return shares(reserved, remainder);
    }

    private static long sum(Map<String, Long> booking) {
        return booking.values().stream().mapToLong(Long::longValue).sum();
    }

    /** Less an even part of what is too much; in proportion, if it is too little. What rounding leaves goes to the last. */
    private static Map<String, Long> shares(Map<String, Long> bytesByHost, long mb) {
        Map<String, Long> shares = new TreeMap<>();
        long slack = Math.floorDiv(sum(bytesByHost) - (mb << MIB_SHIFT), bytesByHost.size());
        boolean even = slack >= 0 && bytesByHost.values().stream().allMatch(bytes -> bytes >= slack);
        double all = Math.max(1, sum(bytesByHost));
        long left = mb;
        String last = "";
        for (Map.Entry<String, Long> entry : new TreeMap<>(bytesByHost).entrySet()) {
            long bytes = entry.getValue();
            long share = even ? (bytes - slack) >> MIB_SHIFT : (long) (mb * (bytes / all));
            shares.put(entry.getKey(), share);
            left -= share;
            last = entry.getKey();
        }
        shares.merge(last, left, Long::sum);
        shares.values().removeIf(share -> share == 0);
        return shares;
    }
}
