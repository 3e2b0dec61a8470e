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
import java.util.function.ToDoubleFunction;
import org.splitmem.memory.fault.FaultStats;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.VmInfo;

/** The daemon's numbers for Prometheus. One scrape at a time. */
final class DaemonMetrics {
    private static final double NS_PER_S = 1e9;

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final VmRegistry vms;
    private final Map<UUID, List<Meter>> metersOf = new HashMap<>();

    DaemonMetrics(VmRegistry vms, MemoryServer server) {
        this.vms = vms;
        Gauge.builder("splitmem_lend_limit_bytes", server, MemoryServer::lendLimitBytes)
                .description("Most memory that this host lends")
                .register(registry);
        Gauge.builder("splitmem_lent_bytes", server, MemoryServer::lentBytes)
                .description("Memory reserved by VMs that run elsewhere")
                .register(registry);
        Gauge.builder("splitmem_held_bytes", server, MemoryServer::heldBytes)
                .description("Pages kept for VMs that run elsewhere")
                .register(registry);
        new JvmMemoryMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
        JvmGcMetrics gc = new JvmGcMetrics();
        gc.bindTo(registry);
    }

    synchronized String scrape() {
        Map<UUID, Vm> present = new HashMap<>();
        vms.all().forEach(vm -> present.put(vm.uuid(), vm));
        metersOf.entrySet().removeIf(entry -> {
            if (present.containsKey(entry.getKey())) {
                return false;
            }
            entry.getValue().forEach(registry::remove);
            return true;
        });
        present.forEach((uuid, vm) -> metersOf.computeIfAbsent(uuid, key -> register(vm)));
        return registry.scrape();
    }

    private List<Meter> register(Vm vm) {
        Tags tags = Tags.of("vm", vm.uuid().toString(), "name", vm.name());
        List<Meter> meters = new ArrayList<>();
        gauge(meters, tags, "splitmem_vm_ram_bytes", "RAM of the VM", vm, VmInfo::ramBytes);
        gauge(meters, tags, "splitmem_vm_budget_bytes", "Most that may be resident here", vm, VmInfo::budgetBytes);
        gauge(meters, tags, "splitmem_vm_resident_bytes", "RAM that is here", vm, VmInfo::residentBytes);
        gauge(meters, tags, "splitmem_vm_zero_bytes", "RAM never written or all zero", vm, VmInfo::zeroBytes);
        gauge(
                meters,
                tags,
                "splitmem_vm_remote_bytes",
                "RAM on memory servers",
                vm,
                info -> info.remoteBytes().values().stream()
                        .mapToLong(Long::longValue)
                        .sum());
        counter(meters, tags, "splitmem_vm_page_ins_total", "Pages fetched", vm, s -> s.pageIns.sum());
        counter(meters, tags, "splitmem_vm_page_outs_total", "Pages sent out", vm, s -> s.pageOuts.sum());
        counter(
                meters,
                tags,
                "splitmem_vm_page_outs_cancelled_total",
                "Page-outs that a touch took back",
                vm,
                s -> s.pageOutsCancelled.sum());
        counter(meters, tags, "splitmem_vm_zero_fills_total", "Pages filled with zeros", vm, s -> s.zeroFills.sum());
        counter(meters, tags, "splitmem_vm_minor_faults_total", "Touches seen by sampling", vm, s -> s.minor.sum());
        counter(meters, tags, "splitmem_vm_refaults_total", "Touches of pages sent out", vm, s -> s.refaults.sum());
        counter(
                meters,
                tags,
                "splitmem_vm_stalls_total",
                "Page-ins that took more than 100 ms",
                vm,
                s -> s.pageInLatency().stalls());
        counter(meters, tags, "splitmem_vm_lost_pages_total", "Pages that cannot be had", vm, s -> s.lost.sum());
        for (double q : new double[] {50, 90, 99}) {
            Tags quantile = tags.and("quantile", Double.toString(q / 100));
            meters.add(Gauge.builder("splitmem_vm_page_in_seconds", vm, v -> pageInSeconds(v, q))
                    .tags(quantile)
                    .description("Time from a fault to its answer, in the last one to two minutes")
                    .register(registry));
        }
        return meters;
    }

    private static double pageInSeconds(Vm vm, double percentile) {
        Paging paging = vm.paging();
        return paging == null
                ? 0
                : paging.stats().pageInLatency().recent(System.nanoTime()).getValueAtPercentile(percentile) / NS_PER_S;
    }

    private void gauge(List<Meter> to, Tags tags, String name, String text, Vm vm, ToDoubleFunction<VmInfo> value) {
        to.add(Gauge.builder(name, vm, v -> value.applyAsDouble(Views.of(v)))
                .tags(tags)
                .description(text)
                .register(registry));
    }

    private void counter(
            List<Meter> to, Tags tags, String name, String text, Vm vm, ToDoubleFunction<FaultStats> value) {
        to.add(FunctionCounter.builder(name, vm, v -> {
                    Paging paging = v.paging();
                    return paging == null ? 0 : value.applyAsDouble(paging.stats());
                })
                .tags(tags)
                .description(text)
                .register(registry));
    }
}
