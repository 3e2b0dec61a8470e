package org.splitmem.bridge.migration;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.booking.Owner;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.placement.Provider;
import org.splitmem.bridge.store.Vm;

/**
 * VMs that have more memory on hosts than can be booked for them there: their booking was deleted, and the room given to others meanwhile.
 *
 * <p>What is still free on each host is booked, so that the scheduler gives out no more of it. That less is booked than there is on the host is
 * an event, once for each amount, and a metric. Used by one thread, the reconciler's.
 */
final class ShortBookings {
    private static final Logger log = LoggerFactory.getLogger(ShortBookings.class);

    private final PlacementClient placement;
    private final Bookings bookings;
    private final Telemetry telemetry;
    private final Map<UUID, Long> missingMb = new HashMap<>();

    ShortBookings(PlacementClient placement, Bookings bookings, Telemetry telemetry) {
        this.placement = placement;
        this.bookings = bookings;
        this.telemetry = telemetry;
    }

    /**
     * Books what fits of what should be booked.
     *
     * @param vm absent if only its booking is known
     * @param seen what was booked when the VM was looked at
     * @param still as of {@link Bookings#setIf}
     * @param why Placement's words for what did not fit
     */
    void bookWhatFits(
            UUID instance,
            @Nullable Vm vm,
            Owner owner,
            Map<String, Long> wanted,
            Bookings.Seen seen,
            Predicate<Bookings.Seen> still,
            String why)
            throws ServiceException {
        Map<String, Long> fitting = fitting(seen.booking(), wanted);
        Map<String, Long> booked = seen.booking();
        try {
            Bookings.Step step = bookings.setIf(still, instance, owner, fitting);
            if (!step.after().equals(fitting)) {
                return; // another bridge, a migration or a drain has booked for the VM meanwhile
            }
            booked = fitting;
            if (vm != null) {
                telemetry.placementChanged(vm, null, step, "reconciled");
            }
        } catch (NoCapacityException e) {
            log.warn(
                    "instance={} the room was taken once more: {}",
                    instance,
                    e.text()); // the next round sees what is left
        }
        report(instance, vm, booked, wanted, why);
    }

    private Map<String, Long> fitting(Map<String, Long> now, Map<String, Long> wanted) throws ServiceException {
        Map<String, Long> fitting = new TreeMap<>();
        for (Map.Entry<String, Long> entry : wanted.entrySet()) {
            Optional<Provider> host = placement.provider(entry.getKey());
            long own = now.getOrDefault(entry.getKey(), 0L);
            // What it has already it may keep, also on a host that is overbooked.
            long room = host.isEmpty() ? 0 : own + Math.max(0, host.get().freeMb());
            long mb = Math.min(entry.getValue(), room);
            if (mb > 0) {
                fitting.put(entry.getKey(), mb);
            }
        }
        return fitting;
    }

    private void report(
            UUID instance, @Nullable Vm vm, Map<String, Long> booked, Map<String, Long> wanted, String why) {
        long missing = sum(wanted) - sum(booked);
        log.error(
                "instance={} booking is {}, expected {}: {} MB more than booked are on its hosts: {}",
                instance,
                booked,
                wanted,
                missing,
                why);
        Long before = missingMb.put(instance, missing);
        if (vm != null && (before == null || before != missing)) {
            telemetry.bookingShort(vm, booked, wanted, why);
        }
    }

    private static long sum(Map<String, Long> booking) {
        return booking.values().stream().mapToLong(Long::longValue).sum();
    }

    /** The VM's booking is as it should be, or nothing is known that it lacks. */
    void isWhole(UUID instance) {
        missingMb.remove(instance);
    }

    void forgetAllBut(Set<UUID> instances) {
        missingMb.keySet().retainAll(instances);
    }

    /** All that is on hosts without being booked. */
    long totalMb() {
        return missingMb.values().stream().mapToLong(Long::longValue).sum();
    }
}
