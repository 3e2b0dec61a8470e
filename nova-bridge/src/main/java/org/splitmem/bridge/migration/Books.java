package org.splitmem.bridge.migration;

import java.util.Map;
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

    /** @param cause as {@link Telemetry} tells it */
    void settle(Vm vm, Map<String, Long> booking, String cause) {
        try {
            bookings.set(vm.instance(), Booker.owner(vm), booking);
            telemetry.placementChanged(vm, booking, cause);
        } catch (ServiceException | NoCapacityException e) {
            log.warn(
                    "instance={} {} could not be booked now, reconciliation will do it: {}",
                    vm.instance(),
                    booking,
                    e.getMessage());
        }
    }
}
