package org.splitmem.bridge.migration;

import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.store.Vm;

/** Sets a VM's booking when a migration is over. What does not succeed, the reconciler does in its next round. Any thread. */
final class Books {
    private static final Logger log = LoggerFactory.getLogger(Books.class);

    private final Bookings bookings;
    private final Telemetry telemetry;

    Books(Bookings bookings, Telemetry telemetry) {
        this.bookings = bookings;
        this.telemetry = telemetry;
    }

    /**
     * Sets it and tells it, unless somebody has booked for the VM meanwhile: the next migration, say, of which both sides are booked already.
     *
     * @param migration that it is done for; absent outside of one
     * @param still whether what is booked now is what the caller left
     * @param cause as {@link Telemetry} tells it
     */
    void settle(
            Vm vm,
            @Nullable String migration,
            Predicate<Map<String, Long>> still,
            Map<String, Long> booking,
            String cause) {
        book(
                vm,
                migration,
                booking,
                cause,
                () -> bookings.setIf(now -> still.test(now.booking()), vm.instance(), Booker.owner(vm), booking));
    }

    /** As above, outside of a migration, if nothing was written since the books were looked at. */
    void settle(Vm vm, Bookings.Seen seen, BooleanSupplier still, Map<String, Long> booking, String cause) {
        book(
                vm,
                null,
                booking,
                cause,
                () -> bookings.setIf(
                        now -> now.equals(seen) && still.getAsBoolean(), vm.instance(), Booker.owner(vm), booking));
    }

    /** What it was booked for is so now: see {@link Bookings#confirm}. */
    void confirm(Vm vm, Predicate<Map<String, Long>> still, Map<String, Long> booking, String cause) {
        book(
                vm,
                null,
                booking,
                cause,
                () -> bookings.confirm(now -> still.test(now.booking()), vm.instance(), Booker.owner(vm), booking));
    }

    private interface Booking {
        Bookings.Step make() throws ServiceException, NoCapacityException;
    }

    private void book(Vm vm, @Nullable String migration, Map<String, Long> wanted, String cause, Booking booking) {
        try {
            telemetry.placementChanged(vm, migration, booking.make(), cause);
        } catch (ServiceException | NoCapacityException e) {
            log.warn(
                    "instance={} {} could not be booked now, reconciliation will do it: {}",
                    vm.instance(),
                    wanted,
                    e.getMessage());
        }
    }
}
