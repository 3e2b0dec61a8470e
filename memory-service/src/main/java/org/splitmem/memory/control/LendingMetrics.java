package org.splitmem.memory.control;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.function.ToDoubleFunction;
import org.splitmem.memory.drain.Drainer;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;

/** Gauges of what this host is to lend no more. Stateless. */
final class LendingMetrics {
    private LendingMetrics() {}

    static void register(MeterRegistry registry, Drainer drainer) {
        gauge(
                registry,
                drainer,
                "splitmem_draining",
                "1 while this host lends nothing new, as it is drained",
                info -> info.state() == LendingState.DRAINING || info.state() == LendingState.EMPTY ? 1 : 0);
        gauge(
                registry,
                drainer,
                "splitmem_leaving_bytes",
                "Pages kept for VMs that run elsewhere, and that are to leave this host",
                LendingInfo::leavingBytes);
        gauge(
                registry,
                drainer,
                "splitmem_leaving_bytes_per_second",
                "Rate at which they leave",
                LendingInfo::rateBytesPerSecond);
        gauge(
                registry,
                drainer,
                "splitmem_leaving_vms_in_trouble",
                "VMs whose pages are to leave this host, and do not, or not all",
                info -> info.leaving().stream()
                        .filter(vm -> vm.trouble() != null)
                        .count());
    }

    private static void gauge(
            MeterRegistry registry, Drainer drainer, String name, String text, ToDoubleFunction<LendingInfo> value) {
        Gauge.builder(name, drainer, one -> value.applyAsDouble(one.view()))
                .description(text)
                .register(registry);
    }
}
