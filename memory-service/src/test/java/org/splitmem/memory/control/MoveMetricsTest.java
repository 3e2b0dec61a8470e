package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyUs;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

class MoveMetricsTest {
    private static final String UUID = "6d1f0000-0000-0000-0000-000000000001";

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final MoveMetrics metrics = new MoveMetrics(registry);

    private static VmInfo vm(MoveInfo... moves) {
        return new VmInfo(
                UUID,
                "db1",
                VmState.SPLIT,
                4096,
                4096,
                0,
                0,
                null,
                Map.of(),
                Map.of(),
                FaultCounts.NONE,
                LatencyUs.NONE,
                LatencyHistogram.NONE,
                1,
                null,
                null,
                List.of(moves));
    }

    private static MoveInfo move(String from, long bytes, long rate) {
        return new MoveInfo(from, bytes, rate, null, null, null);
    }

    private List<String> values() {
        return registry.scrape()
                .lines()
                .filter(line -> line.startsWith("splitmem_"))
                .toList();
    }

    private static String line(String metric, String from, String value) {
        return metric + "{from=\"" + from + "\",name=\"db1\",vm=\"" + UUID + "\"} " + value;
    }

    @Test
    void eachSubHostThatIsEmptiedHasItsGaugesAsLongAsItIs() {
        metrics.show(List.of(vm(move("h3", 8192, 100), move("h4", 4096, 0))));
        assertThat(values())
                .containsExactlyInAnyOrder(
                        line("splitmem_vm_move_remaining_bytes", "h3", "8192.0"),
                        line("splitmem_vm_move_remaining_bytes", "h4", "4096.0"),
                        line("splitmem_vm_move_bytes_per_second", "h3", "100.0"),
                        line("splitmem_vm_move_bytes_per_second", "h4", "0.0"));

        metrics.show(List.of(vm(move("h3", 4096, 200))));
        assertThat(values())
                .containsExactlyInAnyOrder(
                        line("splitmem_vm_move_remaining_bytes", "h3", "4096.0"),
                        line("splitmem_vm_move_bytes_per_second", "h3", "200.0"));

        metrics.show(List.of(vm()));
        assertThat(values()).isEmpty();
    }
}
