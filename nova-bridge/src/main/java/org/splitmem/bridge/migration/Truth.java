package org.splitmem.bridge.migration;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** What should be booked for a VM that a daemon runs. Pure. */
final class Truth {
    private static final int MIB_SHIFT = 20;
    /** What a sub-host reserves beyond its share. */
    private static final long SLACK_MB = 16;

    private Truth() {}

    /**
     * The booking that the daemon's word asks for; null if the VM is none of ours.
     *
     * @param placed what was booked when the VM was placed; absent if nobody remembers
     * @param now what is booked
     * @param starting whether it was placed a short while ago to be started, and may not have been split yet
     */
    static @Nullable Map<String, Long> booking(
            Sightings.Running running, @Nullable PlacedVm placed, Map<String, Long> now, boolean starting) {
        long remainder = placed == null ? remainder(running, now) : placed.vm().remainderMb();
        if (remainder == 0) {
            return placed == null ? null : Map.of();
        }
        if (isWhole(running.vm())) {
            if (starting && placed != null && placed.vm().host().equals(running.host())) {
                return placed.booking();
            }
            return Map.of(running.host(), remainder);
        }
        return ofSplit(running, placed, now, remainder);
    }

    /** What is booked now; while pages are on their way, without what is booked twice for that. */
    private static long remainder(Sightings.Running running, Map<String, Long> now) {
        VmInfo vm = running.vm();
        if (isWhole(vm)) {
            return now.getOrDefault(running.host(), sum(now));
        }
        if (!isInMotion(running)) {
            return sum(now);
        }
        long inItsStore = Math.max(0, mb(vm.reservedBytes().getOrDefault(running.host(), 0L)) - SLACK_MB);
        long ofMain = now.getOrDefault(running.host(), 0L) - inItsStore;
        return isGathered(vm) && ofMain > 0 ? ofMain : sum(only(now, staying(running)));
    }

    private static boolean isWhole(VmInfo vm) {
        return vm.state() == VmState.LOCAL || vm.reservedBytes().isEmpty();
    }

    /** Whether all of it comes to its main host. */
    static boolean isGathered(VmInfo vm) {
        return vm.budgetBytes() >= vm.ramBytes();
    }

    /** Whether pages of a split VM are on their way from one host to another: both are booked until the former one has nothing. */
    static boolean isInMotion(Sightings.Running running) {
        VmInfo vm = running.vm();
        return vm.state() == VmState.SPLIT
                && (isGathered(vm) || !leaving(running).isEmpty());
    }

    /**
     * Of a VM that is split: what its sub-hosts keep, what those are to keep that take pages of others, and its main host if it is gathered. A main
     * host that was a sub-host before it ran the VM has both what it kept, until that has left its store, and what is gathered.
     */
    static Map<String, Long> ofSplit(
            Sightings.Running running, @Nullable PlacedVm placed, Map<String, Long> now, long remainder) {
        Map<String, Long> lent = lent(running, now, remainder);
        Map<String, Long> booking = new TreeMap<>(onSubHosts(running, placed, now, remainder));
        for (String host : leaving(running)) {
            if (!booking.containsKey(host)) {
                long reserved = running.vm().reservedBytes().getOrDefault(host, 0L);
                booking.put(host, left(host, reserved, placed, lent, remainder));
            }
        }
        if (isGathered(running.vm())) {
            booking.merge(running.host(), remainder, Long::sum);
        }
        return booking;
    }

    /** What is booked for its sub-hosts: without what is booked on a main host because it is gathered there. */
    private static Map<String, Long> lent(Sightings.Running running, Map<String, Long> now, long remainder) {
        Map<String, Long> lent = new TreeMap<>(now);
        if (isGathered(running.vm())) {
            lent.computeIfPresent(running.host(), (host, mb) -> mb > remainder ? mb - remainder : mb);
        }
        return lent;
    }

    /** What a sub-host that is being emptied had. */
    private static long left(
            String host, long reserved, @Nullable PlacedVm placed, Map<String, Long> lent, long remainder) {
        Long placedMb = placed == null ? null : placed.booking().get(host);
        long otherwise = placedMb != null ? placedMb : Math.max(1, mb(reserved) - SLACK_MB);
        return Math.min(remainder, lent.getOrDefault(host, otherwise));
    }

    private static long mb(long bytes) {
        return bytes >> MIB_SHIFT;
    }

    /**
     * The sub-hosts that are being emptied: also a main host that was one before it ran the VM, though its splitmemd may be about to begin with that
     * only. What is gathered comes out of its store as out of the others'.
     */
    private static Set<String> leaving(Sightings.Running running) {
        VmInfo vm = running.vm();
        Set<String> leaving = new TreeSet<>();
        vm.moves().forEach(move -> leaving.add(move.from()));
        leaving.add(running.host());
        if (isGathered(vm)) {
            leaving.remove(running.host());
        }
        leaving.retainAll(vm.reservedBytes().keySet());
        return leaving;
    }

    /** The sub-hosts that are not being emptied. */
    private static Set<String> staying(Sightings.Running running) {
        Set<String> staying = new TreeSet<>(running.vm().reservedBytes().keySet());
        staying.removeAll(leaving(running));
        return staying.isEmpty() ? running.vm().reservedBytes().keySet() : staying;
    }

    /**
     * How a split VM's remainder is shared by its sub-hosts, without those that are being emptied.
     *
     * <p>Shares that are booked for these hosts stay as they are. What is not known the hosts' reservations tell: each is a share and a slack
     * that is the same on all hosts. Those of a VM that is gathered become fewer, and have all of the remainder together only at first.
     */
    static Map<String, Long> onSubHosts(
            Sightings.Running running, @Nullable PlacedVm placed, Map<String, Long> now, long remainder) {
        VmInfo vm = running.vm();
        Map<String, Long> lent = lent(running, now, remainder);
        if (isGathered(vm) && areAsReserved(lent, vm)) {
            return only(lent, vm.reservedBytes().keySet());
        }
        Map<String, Long> reserved = only(vm.reservedBytes(), staying(running));
        Map<String, Long> known = only(lent, reserved.keySet());
        if (known.size() == reserved.size() && sum(known) == remainder) {
            return known;
        }
        if (placed != null
                && placed.booking().keySet().equals(reserved.keySet())
                && sum(placed.booking()) == remainder) {
            return placed.booking();
        }
        Map<String, Long> others = new TreeMap<>(reserved);
        others.keySet().removeAll(known.keySet());
        long rest = remainder - sum(known);
        if (known.isEmpty() || others.isEmpty() || rest <= 0) {
            return shares(reserved, remainder);
        }
        known.putAll(shares(others, rest));
        return known;
    }

    /** Whether a share is booked for each host that goes with what the host has reserved. */
    private static boolean areAsReserved(Map<String, Long> lent, VmInfo vm) {
        return vm.reservedBytes().entrySet().stream().allMatch(entry -> {
            long share = lent.getOrDefault(entry.getKey(), -1L);
            long reserved = mb(entry.getValue());
            return reserved - SLACK_MB <= share && share <= reserved;
        });
    }

    private static Map<String, Long> only(Map<String, Long> amounts, Set<String> hosts) {
        Map<String, Long> some = new TreeMap<>(amounts);
        some.keySet().retainAll(hosts);
        return some;
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
