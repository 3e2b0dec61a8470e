package org.splitmem.bridge.telemetry;

import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.migration.Telemetry;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Vm;
import org.splitmem.events.Event;
import org.splitmem.model.MigrationInfo;

/** Makes events of what the bridge does and reads. Any thread. */
final class EventTelemetry implements Telemetry {
    private static final Logger log = LoggerFactory.getLogger(EventTelemetry.class);

    private final Consumer<Event> publisher;
    private final Clock clock;
    private final MigrationTale migrations;

    /**
     * Tells to a publisher.
     *
     * @param publisher returns at once
     * @param interval at least between two events of a migration's progress
     */
    EventTelemetry(Consumer<Event> publisher, Duration interval, Clock clock) {
        this.publisher = publisher;
        this.clock = clock;
        this.migrations = new MigrationTale(publisher, interval);
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
    public void placementChanged(Vm vm, @Nullable String migration, Bookings.Step step, String cause) {
        safely("instance=" + vm.instance(), () -> {
            if (step.isChange()) {
                publisher.accept(PlacementEvents.changed(vm, migration, step, cause, clock.instant()));
            }
        });
    }

    /** An event that cannot be made must not keep the bridge from what it was doing. */
    private static void safely(String what, Runnable telling) {
        try {
            telling.run();
        } catch (RuntimeException e) {
            log.error("{} could not be told: a bug", what, e);
        }
    }
}
