package org.splitmem.bridge.migration;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.model.VmState;

/** What should be booked for a VM that a daemon runs. Pure. */
final class Truth {
    private Truth() {}

    /**
     * The booking that the daemon's word asks for; null if the VM is none of ours.
     *
     * <p>Daemons tell which hosts keep pages, and how many now; not what was reserved. So shares that were booked for the same hosts stay as they
     * are; if those are not known, the amount is divided by what the hosts keep.
     *
     * @param placed what was booked when the VM was placed; absent if nobody remembers
     * @param now what is booked
     * @param fresh whether it was placed a short while ago, and may not have been split yet
     */
    static @Nullable Map<String, Long> booking(
            Sightings.Running running, @Nullable PlacedVm placed, Map<String, Long> now, boolean fresh) {
        long remainder = placed == null ? sum(now) : placed.vm().remainderMb();
        if (remainder == 0) {
            return placed == null ? null : Map.of();
        }
        Set<String> holders = running.vm().remoteBytes().keySet();
        boolean local = running.vm().state() == VmState.LOCAL || holders.isEmpty();
        if (local) {
            if (fresh && placed != null && placed.vm().host().equals(running.host())) {
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
        return divided(running.vm().remoteBytes(), remainder);
    }

    private static long sum(Map<String, Long> booking) {
        return booking.values().stream().mapToLong(Long::longValue).sum();
    }

    /** In proportion to what each keeps; what rounding leaves goes to the last. */
    private static Map<String, Long> divided(Map<String, Long> bytes, long mb) {
        Map<String, Long> shares = new TreeMap<>();
        double all = Math.max(1, sum(bytes));
        long left = mb;
        String last = "";
        for (Map.Entry<String, Long> entry : new TreeMap<>(bytes).entrySet()) {
            long share = (long) (mb * (entry.getValue() / all));
            shares.put(entry.getKey(), share);
            left -= share;
            last = entry.getKey();
        }
        shares.merge(last, left, Long::sum);
        shares.values().removeIf(share -> share == 0);
        return shares;
    }
}
