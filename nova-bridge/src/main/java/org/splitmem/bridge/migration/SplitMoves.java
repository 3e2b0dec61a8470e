package org.splitmem.bridge.migration;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.VmInfo;

/**
 * Plans the migration of a VM that is split: it is gathered on its new main host, or its sub-hosts keep what they have, and what is booked on
 * them stays booked. If its new main host is one of them, others take over what that keeps. Nova claims the main share. Any thread.
 */
final class SplitMoves {
    private final Chooser chooser;
    private final Booker booker;

    SplitMoves(Chooser chooser, Bookings bookings) {
        this.chooser = chooser;
        this.booker = new Booker(chooser, bookings);
    }

    /**
     * What a split VM has now.
     *
     * @param booked what was booked before it was looked at
     * @param shares what its sub-hosts have
     * @param sourceSide what is to be booked for that
     */
    record Now(Vm vm, VmInfo running, Bookings.Seen booked, Map<String, Long> shares, Map<String, Long> sourceSide) {}

    /**
     * @param booked read before {@code running}
     * @throws RefusedException if it cannot migrate now
     */
    Now look(Vm vm, VmInfo running, Bookings.Seen booked) throws RefusedException {
        if (!running.moves().isEmpty()) {
            String from = running.moves().get(0).from();
            throw Refusals.of(
                    RefusalCode.BEING_EMPTIED,
                    "pages of the VM are just being moved away from " + from + ": wait for that, or end it, on "
                            + vm.host() + " with \"splitmem move-pages " + running.name() + " --from " + from
                            + " --cancel\"");
        }
        if (running.reservedBytes().containsKey(vm.host())) {
            throw Refusals.of(
                    RefusalCode.BEING_EMPTIED,
                    vm.host()
                            + " was a sub-host of the VM before it ran there, and what it kept is just leaving it: wait for that");
        }
        if (booked.booking().isEmpty()) {
            throw Refusals.of(
                    RefusalCode.ALREADY_SPLIT,
                    "the VM is split, and nothing is booked for it: nova-bridge books it within a minute");
        }
        Sightings.Running seen = new Sightings.Running(vm.host(), running);
        return new Now(
                vm,
                running,
                booked,
                Truth.onSubHosts(seen, null, booked.booking(), vm.remainderMb()),
                Truth.ofSplit(seen, null, booked.booking(), vm.remainderMb()));
    }

    /** Books nothing; Nova has not claimed anything yet. */
    Plan foresee(Now now, String destination, ExtraSpecs specs) throws RefusedException, ServiceException {
        return chooser.foreseeSplit(now.vm(), destination, specs, now.shares());
    }

    /**
     * Both sides are booked then; a booking that was not right is.
     *
     * @return null if a bridge or a drain has booked for the VM since {@link #look} was given its booking; nothing has changed then
     */
    Booker.@Nullable Booked book(Now now, String destination, ExtraSpecs specs)
            throws RefusedException, ServiceException {
        return booker.bookSplit(now.vm(), destination, specs, now.shares(), now.sourceSide(), now.booked());
    }
}
