package org.splitmem.memory.control;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.splitmem.memory.page.Pages;
import org.splitmem.model.MigrationInfo;

/** Gauges of the migrations from this host; there while they run. One thread at a time. */
final class MigrationMetrics {
    private final MultiGauge remaining;
    private final MultiGauge staying;

    MigrationMetrics(MeterRegistry registry) {
        this.remaining = MultiGauge.builder("splitmem_migration_remaining_bytes")
                .description("RAM that a migration from this host has still to send")
                .register(registry);
        this.staying = MultiGauge.builder("splitmem_migration_staying_bytes")
                .description("RAM that stays on sub-hosts, which get the destination as their owner")
                .register(registry);
    }

    /** Shows those of these that are not over, from now on. */
    void show(Collection<MigrationInfo> migrations) {
        List<Row<?>> remainders = new ArrayList<>();
        List<Row<?>> stays = new ArrayList<>();
        for (MigrationInfo migration : migrations) {
            if (!migration.phase().isOver()) {
                Tags tags = Tags.of(
                        "vm",
                        migration.vm(),
                        "name",
                        migration.name(),
                        "kind",
                        migration.kind().text(),
                        "destination",
                        migration.destination());
                remainders.add(Row.of(tags, migration.bytesRemaining()));
                stays.add(Row.of(tags, Pages.toBytes(migration.stayingPages())));
            }
        }
        remaining.register(remainders, true);
        staying.register(stays, true);
    }
}
