package org.splitmem.bridge.migration;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.VmInfo;

/**
 * Plans the migration of a VM that is split: its main host changes, its sub-hosts keep what they have, and what is booked on them stays
 * booked. Nova claims the main share. Any thread.
 */
final class KeptSubHosts {
    private final Chooser chooser;
    private final Bookings bookings;

    KeptSubHosts(Chooser chooser, Bookings bookings) {
        this.chooser = chooser;
        this.bookings = bookings;
    }

    /**
     * Books nothing.
     *
     * @param running as its splitmemd says
     * @throws RefusedException if the destination cannot become its main host
     */
    Plan plan(Vm vm, VmInfo running, String destination) throws RefusedException, ServiceException {
        Map<String, Long> shares = shares(vm, running);
        if (running.reservedBytes().containsKey(destination)) {
            throw Refusals.of(
                    RefusalCode.DESTINATION_IS_SUB_HOST,
                    destination + " keeps pages of the VM, and cannot become its main host: move them away first, on "
                            + vm.host() + " with \"splitmem move-pages " + running.name() + " --from " + destination
                            + "\"");
        }
        chooser.requireWell(destination);
        List<Plan.Share> kept = new ArrayList<>();
        new TreeMap<>(shares).forEach((host, mb) -> kept.add(new Plan.Share(host, mb, 0)));
        return new Plan(
                Plan.Outcome.SPLIT,
                kept,
                null,
                vm.mainMb() + " MB on " + destination + ": the VM is split, and its "
                        + (shares.size() == 1 ? "sub-host keeps" : "sub-hosts keep") + " what they have: " + shares,
                List.of());
    }

    private Map<String, Long> shares(Vm vm, VmInfo running) throws RefusedException, ServiceException {
        Map<String, Long> shares =
                Truth.booking(new Sightings.Running(vm.host(), running), null, bookings.of(vm.instance()), false);
        if (shares == null || shares.isEmpty()) {
            throw Refusals.of(
                    RefusalCode.ALREADY_SPLIT,
                    "the VM is split, and nothing is booked for it: nova-bridge books it within a minute");
        }
        return new TreeMap<>(shares);
    }

    /** What is booked stays; a booking that was not right is. */
    Booker.Booked book(Vm vm, Plan plan) throws RefusedException, ServiceException {
        Map<String, Long> shares = Chooser.booking(plan, vm, "");
        try {
            Bookings.Step step = bookings.set(vm.instance(), Booker.owner(vm), shares);
            return new Booker.Booked(plan, shares, step);
        } catch (NoCapacityException e) {
            throw Refusals.of(RefusalCode.NO_SUB_HOSTS, e.text());
        }
    }
}
