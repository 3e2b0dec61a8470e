package org.splitmem.bridge.migration;

import java.util.Map;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.MigrationInfo;

/** Hears of what happens. Called after the fact, on the thread that did it; fails only within {@link #together}. */
public interface Telemetry {
    /**
     * Runs what changes the database and then tells of it: both are in the database when this returns, or neither if it throws. The change
     * comes first, so that threads which tell of the same wait for each other in the database; no other service is called within.
     *
     * @return what {@code work} returns; false undoes nothing
     */
    boolean together(BooleanSupplier work);

    /** A migration is over. Once for each at most, by whoever ended it. */
    void migrationEnded(Migration migration);

    /** The source's daemon has said how a migration is; by several threads, so not always the latest last. */
    void migrationRead(MigrationInfo info);

    /**
     * Sub-hosts were chosen for a VM, or none were needed, and booked.
     *
     * @param vm on the host that it is to run on
     * @param migration id of the bridge's migration; absent if the VM is about to start
     * @param booking what is booked by the plan, in MB by host
     */
    void planned(Vm vm, @Nullable String migration, Plan plan, Map<String, Long> booking);

    /**
     * Nothing was chosen for a VM.
     *
     * @param vm on the host that it was to run on
     * @param migration id of the bridge's migration; absent if the VM was about to start
     * @param reason code of the refusal
     * @param message why, for people
     */
    void planRefused(Vm vm, @Nullable String migration, String reason, String message);

    /**
     * What is booked for a VM is wrong, or whether it is right is not known, and it could not be set right in this round.
     *
     * @param vm absent if it is not on record: then only its uuid is known
     * @param wanted what should be booked; absent if that is not known
     */
    void reconciliationFailed(UUID instance, @Nullable Vm vm, @Nullable Map<String, Long> wanted, String message);

    /**
     * What is booked for a VM was set.
     *
     * @param migration id of the bridge's migration that it was set for; absent outside of one
     * @param step may be no change
     * @param cause placed, planned, completed, undone, released, moving, moved or reconciled
     */
    void placementChanged(Vm vm, @Nullable String migration, Bookings.Step step, String cause);

    /**
     * Less is booked for a VM than it has on its hosts, since others have booked the room. Again only if the amounts change.
     *
     * @param booked what is booked, in MB by host
     * @param wanted what should be
     * @param why Placement's words
     */
    void bookingShort(Vm vm, Map<String, Long> booked, Map<String, Long> wanted, String why);
}
