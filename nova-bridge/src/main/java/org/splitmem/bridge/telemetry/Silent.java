package org.splitmem.bridge.telemetry;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.migration.Telemetry;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Vm;
import org.splitmem.model.MigrationInfo;

/** Of a bridge without Kafka: nobody is told anything. */
public final class Silent implements Telemetry {
    @Override
    public void migrationChanged(Migration migration) {}

    @Override
    public void migrationRead(MigrationInfo info) {}

    @Override
    public void planned(Vm vm, @Nullable String migration, Plan plan, Map<String, Long> booking) {}

    @Override
    public void placementChanged(Vm vm, @Nullable String migration, Bookings.Step step, String cause) {}
}
