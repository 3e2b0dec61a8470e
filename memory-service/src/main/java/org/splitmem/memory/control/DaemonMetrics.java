package org.splitmem.memory.control;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import org.splitmem.memory.drain.Drainer;
import org.splitmem.memory.fault.FaultStats;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.LatencyUs;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.VmInfo;

/** The daemon's numbers for Prometheus. One scrape at a time; each VM is read once for all its gauges. */
final class DaemonMetrics {
    private static final double US_PER_S = 1e6;

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final VmRegistry vms;
    private final MoveMetrics moves = new MoveMetrics(registry);
    private final MigrationMetrics migrations = new MigrationMetrics(registry);
    private final Supplier<List<MigrationInfo>> migrationsNow;
    private final Map<UUID, Shown> shown = new HashMap<>(); // guarded by this

    /** A VM with its meters, which look at what it was at the beginning of the scrape. */
    private static final class Shown {
        private final Vm vm;
        private final String name;
        private final List<Meter> meters = new ArrayList<>();
        private volatile VmInfo info;

        Shown(Vm vm) {
            this.vm = vm;
            this.name = vm.name();
            this.info = Views.of(vm);
        }
    }

    /** @param migrations those from this host, now */
    DaemonMetrics(VmRegistry vms, Supplier<List<MigrationInfo>> migrations, MemoryServer server, Drainer drainer) {
        this.vms = vms;
        this.migrationsNow = migrations;
        Gauge.builder("splitmem_lend_limit_bytes", server, MemoryServer::lendLimitBytes)
                .description("Most memory that this host lends")
                .register(registry);
        Gauge.builder("splitmem_lent_bytes", server, MemoryServer::lentBytes)
                .description("Memory reserved by VMs that run elsewhere")
                .register(registry);
        Gauge.builder("splitmem_held_bytes", server, MemoryServer::heldBytes)
                .description("Pages kept for VMs that run elsewhere")
                .register(registry);
        LendingMetrics.register(registry, drainer);
        Gauge.builder(
                        "splitmem_frozen",
                        () -> vms.damaged().all().size()
                                + server.damaged().all().size())
                .description("VMs and stores that could not be taken up, for what was left of them is damaged")
                .register(registry);
        new JvmMemoryMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
        JvmGcMetrics gc = new JvmGcMetrics();
        gc.bindTo(registry);
    }

    synchronized String scrape() {
        Map<UUID, Vm> present = new HashMap<>();
        vms.all().forEach(vm -> present.put(vm.uuid(), vm));
        shown.entrySet().removeIf(entry -> {
            Shown one = entry.getValue();
            if (present.get(entry.getKey()) == one.vm && one.name.equals(one.vm.name())) {
                one.info = Views.of(one.vm);
                return false;
            }
            one.meters.forEach(registry::remove);
            return true;
        });
        present.forEach((uuid, vm) -> shown.computeIfAbsent(uuid, key -> register(vm)));
        moves.show(shown.values().stream().map(one -> one.info).toList());
        migrations.show(migrationsNow.get());
        return registry.scrape();
    }

    private Shown register(Vm vm) {
        Shown one = new Shown(vm);
        Tags tags = Tags.of("vm", vm.uuid().toString(), "name", one.name);
        gauge(one, tags, "splitmem_vm_ram_bytes", "RAM of the VM", VmInfo::ramBytes);
        gauge(one, tags, "splitmem_vm_budget_bytes", "Most that may be resident here", VmInfo::budgetBytes);
        gauge(one, tags, "splitmem_vm_resident_bytes", "RAM that is here", VmInfo::residentBytes);
        gauge(one, tags, "splitmem_vm_zero_bytes", "RAM never written or all zero", VmInfo::zeroBytes);
        gauge(
                one,
                tags,
                "splitmem_vm_remote_bytes",
                "RAM on memory servers",
                info -> info.remoteBytes().values().stream()
                        .mapToLong(Long::longValue)
                        .sum());
        registerGather(one, tags);
        counter(one, tags, "splitmem_vm_page_ins_total", "Pages fetched", s -> s.pageIns.sum());
        counter(one, tags, "splitmem_vm_page_outs_total", "Pages sent out", s -> s.pageOuts.sum());
        counter(
                one,
                tags,
                "splitmem_vm_page_outs_cancelled_total",
                "Page-outs that a touch took back",
                s -> s.pageOutsCancelled.sum());
        counter(one, tags, "splitmem_vm_zero_fills_total", "Pages filled with zeros", s -> s.zeroFills.sum());
        counter(one, tags, "splitmem_vm_given_back_total", "Pages that the guest gave back", s -> s.givenBack.sum());
        counter(
                one,
                tags,
                "splitmem_vm_given_back_remote_total",
                "Pages that the guest gave back and a memory server had",
                s -> s.givenBackRemote.sum());
        counter(one, tags, "splitmem_vm_minor_faults_total", "Touches seen by sampling", s -> s.minor.sum());
        counter(one, tags, "splitmem_vm_refaults_total", "Touches of pages sent out", s -> s.refaults.sum());
        counter(
                one,
                tags,
                "splitmem_vm_stalls_total",
                "Page-ins that took more than 100 ms",
                s -> s.pageInLatency().stalls());
        counter(one, tags, "splitmem_vm_lost_pages_total", "Pages that cannot be had", s -> s.lost.sum());
        counter(
                one,
                tags,
                "splitmem_vm_damaged_pages_total",
                "Pages that were damaged between hosts, and sent again",
                s -> s.damaged.sum());
        quantile(one, tags, "0.5", LatencyUs::p50);
        quantile(one, tags, "0.9", LatencyUs::p90);
        quantile(one, tags, "0.99", LatencyUs::p99);
        return one;
    }

    private void registerGather(Shown one, Tags tags) {
        gauge(
                one,
                tags,
                "splitmem_vm_gather_remaining_bytes",
                "RAM that is still to come back here, while it does",
                info -> info.gather() == null ? 0 : info.gather().bytesRemaining());
        gauge(
                one,
                tags,
                "splitmem_vm_gather_bytes_per_second",
                "Rate at which RAM comes back here",
                info -> info.gather() == null ? 0 : info.gather().rateBytesPerSecond());
    }

    private void quantile(Shown to, Tags tags, String quantile, ToDoubleFunction<LatencyUs> us) {
        gauge(
                to,
                tags.and("quantile", quantile),
                "splitmem_vm_page_in_seconds",
                "Time from a fault to its answer, in the last one to two minutes",
                info -> us.applyAsDouble(info.pageInUs()) / US_PER_S);
    }

    private void gauge(Shown to, Tags tags, String name, String text, ToDoubleFunction<VmInfo> value) {
        to.meters.add(Gauge.builder(name, to, one -> value.applyAsDouble(one.info))
                .tags(tags)
                .description(text)
                .register(registry));
    }

    private void counter(Shown to, Tags tags, String name, String text, ToDoubleFunction<FaultStats> value) {
        to.meters.add(FunctionCounter.builder(name, to.vm, vm -> {
                    Paging paging = vm.paging();
                    return paging == null ? 0 : value.applyAsDouble(paging.stats());
                })
                .tags(tags)
                .description(text)
                .register(registry));
    }
}
