package org.splitmem.bridge.telemetry;

import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.migration.Telemetry;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.StoreException;
import org.splitmem.bridge.store.Vm;
import org.splitmem.events.Event;
import org.splitmem.model.MigrationInfo;

/** Makes events of what the bridge does and reads. Any thread. */
final class EventTelemetry implements Telemetry {
    private static final Logger log = LoggerFactory.getLogger(EventTelemetry.class);
    private static final int MOST_REMEMBERED = 1000;

    private final Consumer<Event> publisher;
    private final Predicate<BooleanSupplier> transaction;
    private final Clock clock;
    private final MigrationTale migrations;
    /** What should be booked and could not be, by instance, as it was told. */
    private final Map<UUID, String> failing = new ConcurrentHashMap<>();

    /**
     * Tells to a publisher.
     *
     * @param publisher fails only in a transaction
     * @param transaction runs all or nothing
     * @param interval at least between two events of a migration's progress
     */
    EventTelemetry(Consumer<Event> publisher, Predicate<BooleanSupplier> transaction, Duration interval, Clock clock) {
        this.publisher = publisher;
        this.transaction = transaction;
        this.clock = clock;
        this.migrations = new MigrationTale(publisher, interval);
    }

    @Override
    public boolean together(BooleanSupplier work) {
        try {
            return transaction.test(work);
        } catch (RuntimeException e) {
            migrations
                    .forget(); // what it took for told may not be in the database: it is told again, with the same ids
            throw e;
        }
    }

    @Override
    public void migrationEnded(Migration migration) {
        safely("migration=" + migration.id(), () -> {
            if (migration.daemonId() != null) {
                migrations.ended(migration, clock.instant());
            }
        });
    }

    @Override
    public void migrationRead(MigrationInfo info) {
        safely("instance=" + info.vm(), () -> migrations.read(info, clock.instant()));
    }

    @Override
    public void planned(Vm vm, @Nullable String migration, Plan plan, Map<String, Long> booking) {
        safely(
                "instance=" + vm.instance(),
                () -> publisher.accept(PlacementEvents.planned(vm, migration, plan, booking, clock.instant())));
    }

    @Override
    public void planRefused(Vm vm, @Nullable String migration, String reason, String message) {
        safely(
                "instance=" + vm.instance(),
                () -> publisher.accept(PlacementEvents.refused(vm, migration, reason, message, clock.instant())));
    }

    /** Once for each failure, however many rounds it lasts. */
    @Override
    public void reconciliationFailed(
            UUID instance, @Nullable Vm vm, @Nullable Map<String, Long> wanted, String message) {
        safely("instance=" + instance, () -> {
            String what = wanted == null ? "" : new TreeMap<>(wanted).toString();
            if (failing.size() > MOST_REMEMBERED) {
                failing.clear();
            }
            if (!what.equals(failing.put(instance, what))) {
                publisher.accept(PlacementEvents.failed(instance, vm, wanted, message, clock.instant()));
            }
        });
    }

    @Override
    public void placementChanged(Vm vm, @Nullable String migration, Bookings.Step step, String cause) {
        failing.remove(vm.instance());
        safely("instance=" + vm.instance(), () -> {
            if (step.isChange()) {
                publisher.accept(PlacementEvents.changed(vm, migration, step, cause, clock.instant()));
            }
        });
    }

    @Override
    public void bookingShort(Vm vm, Map<String, Long> booked, Map<String, Long> wanted, String why) {
        safely(
                "instance=" + vm.instance(),
                () -> publisher.accept(PlacementEvents.tooShort(vm, booked, wanted, why, clock.instant())));
    }

    /** An event that cannot be made must not keep the bridge from what it was doing. */
    private static void safely(String what, Runnable telling) {
        try {
            telling.run();
        } catch (StoreException e) {
            throw e; // the transaction failed, and with it what was to be told
        } catch (RuntimeException e) {
            log.error("{} could not be told: a bug", what, e);
        }
    }
}
