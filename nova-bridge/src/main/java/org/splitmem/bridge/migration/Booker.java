package org.splitmem.bridge.migration;

import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.booking.Owner;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Vm;

/** Chooses and books until nobody has booked the same memory in between. Any thread. */
final class Booker {
    /** Each time somebody else took what was chosen; the next choice sees that. */
    private static final int TRIES = 6;

    private final Chooser chooser;
    private final Bookings bookings;

    Booker(Chooser chooser, Bookings bookings) {
        this.chooser = chooser;
        this.bookings = bookings;
    }

    /** A plan whose memory is booked. */
    record Booked(Plan plan, Map<String, Long> booking) {}

    /**
     * Chooses and books.
     *
     * @param kept what stays booked beside: the source's side of a migration
     * @param givenUp what is booked now and makes room for the new booking
     * @throws RefusedException if there is no room; then nothing has changed
     */
    Booked book(
            Vm vm,
            String main,
            @Nullable String source,
            ExtraSpecs specs,
            Map<String, Long> kept,
            Map<String, Long> givenUp,
            Set<String> holders)
            throws ServiceException, RefusedException {
        String last = "";
        for (int i = 0; i < TRIES; i++) {
            Plan plan = chooser.choose(vm, main, source, specs, givenUp, holders);
            Map<String, Long> booking = Chooser.booking(plan, vm, main);
            try {
                bookings.set(vm.instance(), owner(vm), Bookings.union(kept, booking));
                return new Booked(plan, booking);
            } catch (NoCapacityException e) {
                last = e.text();
            }
        }
        throw new RefusedException(
                RefusedException.Kind.CONFLICT,
                "no-sub-hosts",
                "others booked what was chosen, " + TRIES + " times in a row: " + last);
    }

    static Owner owner(Vm vm) {
        return new Owner(vm.projectId(), vm.userId());
    }
}
