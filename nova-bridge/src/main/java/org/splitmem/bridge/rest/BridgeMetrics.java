package org.splitmem.bridge.rest;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.gate.GateServer;
import org.splitmem.bridge.migration.Chooser;
import org.splitmem.bridge.migration.Reconciler;
import org.splitmem.bridge.migration.Telemetry;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Vm;
import org.splitmem.bridge.telemetry.EventHistory;
import org.splitmem.events.Topic;
import org.splitmem.model.MigrationInfo;

/** What /metrics tells; names and meanings are listed in docs/BRIDGE-API.md. Any thread. */
public final class BridgeMetrics implements Telemetry, Chooser.Timing, GateServer.Observer {
    private static final Set<String> METHODS = Set.of("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS");

    private final PrometheusMeterRegistry registry;
    private final Telemetry next;
    private final Timer planning;
    private final Counter corrections;
    private final Counter uncorrected;
    private final Counter abandoned;
    private final AtomicLong reconciledAtMs = new AtomicLong();
    private final AtomicLong unbookedMb = new AtomicLong();

    /**
     * Adds its own to what others have registered.
     *
     * @param registry all that /metrics tells
     * @param next hears of the same
     */
    public BridgeMetrics(PrometheusMeterRegistry registry, Telemetry next) {
        this.registry = registry;
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
        this.abandoned = Counter.builder("splitmem.bridge.requests.abandoned")
                .description("Requests whose client left, or was too slow, before the answer's end")
                .register(registry);
        Gauge.builder("splitmem.bridge.reconcile.unbooked.mb", unbookedMb, AtomicLong::get)
                .description(
                        "MB of split VMs that are on hosts and could not be booked there: others have booked the room")
                .register(registry);
        Gauge.builder("splitmem.bridge.reconcile.last.success", reconciledAtMs, at -> at.get() / 1e3)
                .description("When the last whole round ended, in seconds since 1970; 0: none yet")
                .register(registry);
        new JvmMemoryMetrics().bindTo(registry);
        new JvmThreadMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
    }

    /** What /metrics tells of the history. */
    public void watch(EventHistory history) {
        Gauge.builder("splitmem.bridge.events.waiting", history, EventHistory::waiting)
                .description("Events that wait for the database")
                .register(registry);
        FunctionCounter.builder("splitmem.bridge.events.lost", history, EventHistory::lost)
                .description("Events that neither the history nor Kafka will ever have")
                .register(registry);
        for (Topic topic : Topic.values()) {
            FunctionCounter.builder("splitmem_events_published_total", history, h -> h.written(topic))
                    .tag("topic", topic.kafkaName())
                    .description("Events that this bridge wrote to the database")
                    .register(registry);
        }
    }

    PrometheusMeterRegistry registry() {
        return registry;
    }

    /** @param method as asked, by anybody: of those that HTTP does not know there is no end, and each label is kept for ever */
    @Override
    public void answered(String method, int status, long ns) {
        Timer.builder("splitmem.bridge.requests")
                .description("Requests of the API, from the first byte to the answer")
                .tag("method", METHODS.contains(method) ? method : "other")
                .tag("status", Integer.toString(status))
                .register(registry)
                .record(ns, TimeUnit.NANOSECONDS);
    }

    @Override
    public void abandoned() {
        abandoned.increment();
    }

    @Override
    public void planned(long ns) {
        planning.record(ns, TimeUnit.NANOSECONDS);
    }

    /** A whole round of the reconciler. */
    public void reconciled(Reconciler.Result result, long nowMs) {
        corrections.increment(result.corrected());
        uncorrected.increment(result.failed());
        unbookedMb.set(result.unbookedMb());
        reconciledAtMs.set(nowMs);
    }

    @Override
    public boolean together(BooleanSupplier work) {
        return next.together(work);
    }

    @Override
    public void migrationEnded(Migration migration) {
        Counter.builder("splitmem.bridge.migrations")
                .description("Migrations that are over, by how")
                .tag("status", migration.status().word())
                .register(registry)
                .increment();
        next.migrationEnded(migration);
    }

    @Override
    public void migrationRead(MigrationInfo info) {
        next.migrationRead(info);
    }

    @Override
    public void planned(Vm vm, @Nullable String migration, Plan plan, Map<String, Long> booking) {
        next.planned(vm, migration, plan, booking);
    }

    @Override
    public void planRefused(Vm vm, @Nullable String migration, String reason, String message) {
        next.planRefused(vm, migration, reason, message);
    }

    @Override
    public void reconciliationFailed(
            UUID instance, @Nullable Vm vm, @Nullable Map<String, Long> wanted, String message) {
        next.reconciliationFailed(instance, vm, wanted, message);
    }

    @Override
    public void placementChanged(Vm vm, @Nullable String migration, Bookings.Step step, String cause) {
        next.placementChanged(vm, migration, step, cause);
    }

    @Override
    public void bookingShort(Vm vm, Map<String, Long> booked, Map<String, Long> wanted, String why) {
        next.bookingShort(vm, booked, wanted, why);
    }
}
