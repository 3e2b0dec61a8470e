package org.splitmem.memory.control;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.MultiGauge.Row;
import io.micrometer.core.instrument.Tags;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.VmInfo;

/** Gauges of the sub-hosts that are being emptied; there while they are. One thread at a time. */
final class MoveMetrics {
    private final MultiGauge remaining;
    private final MultiGauge rate;

    MoveMetrics(MeterRegistry registry) {
        this.remaining = MultiGauge.builder("splitmem_vm_move_remaining_bytes")
                .description("RAM that a sub-host still keeps, while it is emptied onto others")
                .register(registry);
        this.rate = MultiGauge.builder("splitmem_vm_move_bytes_per_second")
                .description("Rate at which RAM goes from that sub-host to others")
                .register(registry);
    }

    /** Shows these from now on, and no others. */
    void show(Collection<VmInfo> vms) {
        List<Row<?>> remainders = new ArrayList<>();
        List<Row<?>> rates = new ArrayList<>();
        for (VmInfo vm : vms) {
            for (MoveInfo move : vm.moves()) {
                Tags tags = Tags.of("vm", vm.uuid(), "name", vm.name(), "from", move.from());
                remainders.add(Row.of(tags, move.bytesRemaining()));
                rates.add(Row.of(tags, move.rateBytesPerSecond()));
            }
        }
        remaining.register(remainders, true);
        rate.register(rates, true);
    }
}
