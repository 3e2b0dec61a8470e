package org.splitmem.bridge.migration;

import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.booking.Owner;
import org.splitmem.bridge.http.Deadline;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.placement.NoCapacityException;
import org.splitmem.bridge.plan.ExtraSpecs;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** Chooses and books, again if the same memory was booked for another VM in between. Any thread. */
final class Booker {
    /** Each time what was chosen was taken meanwhile; the next choice sees that. */
    private static final int TRIES = 6;

    private final Chooser chooser;
    private final Bookings bookings;

    Booker(Chooser chooser, Bookings bookings) {
        this.chooser = chooser;
        this.bookings = bookings;
    }

    /** A plan whose memory is booked. */
    record Booked(Plan plan, Map<String, Long> booking, Bookings.Step step) {}

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
        return Objects.requireNonNull(book(
                vm,
                main,
                specs,
                null,
                booking -> Bookings.union(kept, booking),
                Set.of(),
                () -> chooser.choose(vm, main, source, specs, givenUp, holders)));
    }

    /**
     * Chooses and books others for what a sub-host keeps that is to be emptied.
     *
     * @param main where the VM runs
     * @param mb what is to move
     * @param kept what stays booked beside: all that the VM has now
     * @return null, and nothing has changed, if the VM's booking is not as it was any more
     */
    @Nullable
    Booked bookOthers(
            Vm vm, String main, ExtraSpecs specs, long mb, Set<String> subHosts, Map<String, Long> kept, AsSeen asSeen)
            throws ServiceException, RefusedException {
        return book(
                vm,
                main,
                specs,
                asSeen,
                booking -> Bookings.union(kept, booking),
                Set.of(),
                () -> chooser.chooseOthers(vm, main, specs, mb, subHosts));
    }

    /**
     * Plans how a split VM migrates, and books both sides.
     *
     * @param main where it is to run
     * @param shares what its sub-hosts keep
     * @param sourceSide what is to be booked for the VM where it is
     * @return null, and nothing has changed, if the VM's booking is not as it was any more
     */
    @Nullable
    Booked bookSplit(
            Vm vm,
            String main,
            ExtraSpecs specs,
            Map<String, Long> shares,
            Map<String, Long> sourceSide,
            Bookings.Seen seen)
            throws ServiceException, RefusedException {
        return book(
                vm,
                main,
                specs,
                new AsSeen(seen, () -> true),
                booking -> Migration.bothSidesOfSplit(main, sourceSide, booking),
                shares.keySet(),
                () -> chooser.chooseSplit(vm, main, specs, shares));
    }

    /**
     * What a booking for a VM goes by that has one: it was read before the VM was looked at, so that nothing is overwritten that is newer than
     * the look.
     *
     * @param still asked just before it is written, perhaps several times
     */
    record AsSeen(Bookings.Seen seen, BooleanSupplier still) {}

    private interface Choosing {
        Chooser.Choice choose() throws ServiceException, RefusedException;
    }

    /**
     * Chooses and books.
     *
     * @param asSeen absent: whatever is booked for the VM now is replaced
     * @param all what is to be booked with that which is chosen
     * @param settled hosts that have memory of the VM already: for them the rule of its server group is not checked again
     */
    private @Nullable Booked book(
            Vm vm,
            String main,
            ExtraSpecs specs,
            @Nullable AsSeen asSeen,
            UnaryOperator<Map<String, Long>> all,
            Set<String> settled,
            Choosing how)
            throws ServiceException, RefusedException {
        String last = "";
        for (int i = 0; i < TRIES; i++) {
            Chooser.Choice choice = how.choose();
            Plan plan = choice.plan();
            Map<String, Long> booking = Chooser.booking(plan, vm, main);
            try {
                Bookings.Step step = write(vm, asSeen, i > 0, all.apply(booking));
                if (step == null) {
                    return null;
                }
                Set<String> chosen = new TreeSet<>(booking.keySet());
                chosen.removeAll(settled);
                if (!choice.isKeptApart() || isApart(vm, main, specs, chosen, step)) {
                    return new Booked(plan, booking, step);
                }
                last = "another server of its anti-affinity group got memory on one of " + chosen;
                pause(i);
            } catch (NoCapacityException e) {
                last = e.text();
            }
        }
        throw Refusals.of(
                RefusalCode.NO_SUB_HOSTS, "others booked what was chosen, " + TRIES + " times in a row: " + last);
    }

    /**
     * @param again then what was booked may have been undone: its generation is another
     * @return null if it is not as it was seen: also if what is booked happens to be the same
     */
    private Bookings.@Nullable Step write(Vm vm, @Nullable AsSeen asSeen, boolean again, Map<String, Long> booking)
            throws ServiceException, NoCapacityException {
        if (asSeen == null) {
            return bookings.set(vm.instance(), owner(vm), booking);
        }
        AtomicBoolean isAsSeen = new AtomicBoolean();
        Bookings.Step step = bookings.setIf(
                now -> {
                    boolean same = again ? now.booking().equals(asSeen.seen().booking()) : now.equals(asSeen.seen());
                    isAsSeen.set(same && asSeen.still().getAsBoolean());
                    return isAsSeen.get();
                },
                vm.instance(),
                owner(vm),
                booking);
        return isAsSeen.get() ? step : null;
    }

    /** If not, nothing is booked any more but what was before. */
    @SuppressWarnings("try") // a scope
    private boolean isApart(Vm vm, String main, ExtraSpecs specs, Set<String> chosen, Bookings.Step step)
            throws ServiceException, NoCapacityException {
        boolean shares;
        try {
            shares = chooser.sharesAHost(vm, main, specs, chosen);
        } catch (ServiceException e) {
            try (Deadline.Scope unused = Deadline.lifted()) {
                bookings.setIf(now -> now.booking().equals(step.after()), vm.instance(), owner(vm), step.before());
            }
            throw e;
        }
        if (shares) {
            bookings.setIf(now -> now.booking().equals(step.after()), vm.instance(), owner(vm), step.before());
        }
        return !shares;
    }

    /** By chance, so that of two that met once not both give way again. */
    private static void pause(int attempt) throws ServiceException {
        try {
            Thread.sleep(ThreadLocalRandom.current().nextInt(20, 100 << attempt));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ServiceException(ServiceException.Kind.TIMEOUT, "", "interrupted while booking");
        }
    }

    static Owner owner(Vm vm) {
        return new Owner(vm.projectId(), vm.userId());
    }
}
