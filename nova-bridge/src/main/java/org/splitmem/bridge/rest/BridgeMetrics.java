package org.splitmem.bridge.rest;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.splitmem.bridge.migration.Chooser;
import org.splitmem.bridge.migration.Reconciler;
import org.splitmem.bridge.migration.Telemetry;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Vm;

/** What /metrics tells; names and meanings are listed in docs/BRIDGE-API.md. Any thread. */
public final class BridgeMetrics implements Telemetry, Chooser.Timing {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Telemetry next;
    private final Timer planning;
    private final Counter corrections;
    private final Counter uncorrected;
    private final AtomicLong reconciledAtMs = new AtomicLong();

    /** @param next hears of the same */
    public BridgeMetrics(Telemetry next) {
        this.next = next;
        this.planning = Timer.builder("splitmem.bridge.planning")
                .description("Time to choose sub-hosts, once all facts are there")
                .serviceLevelObjectives(Duration.ofMillis(5), Duration.ofMillis(50), Duration.ofMillis(500))
                .register(registry);
        this.corrections = Counter.builder("splitmem.bridge.reconcile.corrections")
                .description("Bookings that were wrong and were set right")
                .register(registry);
        this.uncorrected = Counter.builder("splitmem.bridge.reconcile.failures")
                .description("Bookings that are wrong and could not be set right in a round")
                .register(registry);
        Gauge.builder("splitmem.bridge.reconcile.last.success", reconciledAtMs, at -> at.get() / 1e3)
                .description("When the last whole round ended, in seconds since 1970; 0: none yet")
                .register(registry);
        new JvmMemoryMetrics().bindTo(registry);
        new JvmThreadMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
    }

    PrometheusMeterRegistry registry() {
        return registry;
    }

    void answered(String method, int status, long ns) {
        Timer.builder("splitmem.bridge.requests")
                .description("Requests of the API, from the first byte to the answer")
                .tag("method", method)
                .tag("status", Integer.toString(status))
                .register(registry)
                .record(ns, TimeUnit.NANOSECONDS);
    }

    @Override
    public void planned(long ns) {
        planning.record(ns, TimeUnit.NANOSECONDS);
    }

    /** A whole round of the reconciler. */
    public void reconciled(Reconciler.Result result, long nowMs) {
        corrections.increment(result.corrected());
        uncorrected.increment(result.failed());
        reconciledAtMs.set(nowMs);
    }

    @Override
    public void migrationChanged(Migration migration) {
        if (migration.status().isOver()) {
            Counter.builder("splitmem.bridge.migrations")
                    .description("Migrations that are over, by how")
                    .tag("status", migration.status().word())
                    .register(registry)
                    .increment();
        }
        next.migrationChanged(migration);
    }

    @Override
    public void placementChanged(Vm vm, Map<String, Long> booking, String cause) {
        next.placementChanged(vm, booking, cause);
    }
}
