package org.splitmem.bridge.migration;

import java.util.Map;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.VmInfo;

/**
 * Plans the migration of a VM that is split: it is gathered on its new main host, or its sub-hosts keep what they have, and what is booked on
 * them stays booked. Nova claims the main share. Any thread.
 */
final class SplitMoves {
    /** Each time the room for all of it was taken meanwhile; the next plan sees that. */
    private static final int TRIES = 3;

    private final Chooser chooser;
    private final Bookings bookings;

    SplitMoves(Chooser chooser, Bookings bookings) {
        this.chooser = chooser;
        this.bookings = bookings;
    }

    /**
     * What a split VM has now.
     *
     * @param shares what its sub-hosts keep
     * @param sourceSide what is to be booked for that
     */
    record Now(Vm vm, VmInfo running, Map<String, Long> shares, Map<String, Long> sourceSide) {}

    /** @throws RefusedException if it cannot migrate to that host now */
    Now look(Vm vm, VmInfo running, String destination) throws RefusedException, ServiceException {
        if (!running.moves().isEmpty()) {
            String from = running.moves().get(0).from();
            throw Refusals.of(
                    RefusalCode.BEING_EMPTIED,
                    "pages of the VM are just being moved away from " + from + ": wait for that, or end it, on "
                            + vm.host() + " with \"splitmem move-pages " + running.name() + " --from " + from
                            + " --cancel\"");
        }
        if (running.reservedBytes().containsKey(destination)) {
            throw Refusals.of(
                    RefusalCode.DESTINATION_IS_SUB_HOST,
                    destination + " keeps pages of the VM, and cannot become its main host: move them away first, on "
                            + vm.host() + " with \"splitmem move-pages " + running.name() + " --from " + destination
                            + "\"");
        }
        Map<String, Long> booked = bookings.of(vm.instance());
        if (booked.isEmpty()) {
            throw Refusals.of(
                    RefusalCode.ALREADY_SPLIT,
                    "the VM is split, and nothing is booked for it: nova-bridge books it within a minute");
        }
        Sightings.Running seen = new Sightings.Running(vm.host(), running);
        return new Now(
                vm,
                running,
                Truth.onSubHosts(seen, null, booked, vm.remainderMb()),
                Truth.ofSplit(seen, null, booked, vm.remainderMb()));
    }

    /** Books nothing; Nova has not claimed anything yet. */
    Plan foresee(Now now, String destination, ExtraSpecs specs) throws RefusedException, ServiceException {
        return chooser.foreseeSplit(now.vm(), destination, specs, now.shares());
    }

    /** Both sides are booked then; a booking that was not right is. */
    Booker.Booked book(Now now, String destination, ExtraSpecs specs) throws RefusedException, ServiceException {
        String last = "";
        for (int i = 0; i < TRIES; i++) {
            Plan plan = chooser.chooseSplit(now.vm(), destination, specs, now.shares());
            Map<String, Long> booking = Chooser.booking(plan, now.vm(), destination);
            try {
                Bookings.Step step = bookings.set(
                        now.vm().instance(),
                        Booker.owner(now.vm()),
                        Migration.bothSides(true, now.sourceSide(), booking));
                return new Booker.Booked(plan, booking, step);
            } catch (NoCapacityException e) {
                last = e.text();
            }
        }
        throw Refusals.of(RefusalCode.NO_SUB_HOSTS, "others booked the room, " + TRIES + " times in a row: " + last);
    }
}
