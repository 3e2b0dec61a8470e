package org.splitmem.memory.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationKind;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.PagePlacement;
import org.splitmem.model.SubHostShare;

class MigrationMetricsTest {
    private static final String UUID = "6d1f0000-0000-0000-0000-000000000001";

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final MigrationMetrics metrics = new MigrationMetrics(registry);

    private static MigrationInfo migration(MigrationPhase phase, MigrationKind kind) {
        return new MigrationInfo(
                "m1",
                UUID,
                "db1",
                phase,
                "h1",
                "h2",
                List.of(new SubHostShare("h3", 4096L * 100)),
                4096 * 50,
                Handover.HYBRID,
                0,
                4096 * 200,
                4096 * 190,
                4096 * 10,
                0,
                0,
                null,
                1,
                null,
                null,
                null,
                new PagePlacement(50, Map.of("h3", 3L, "h4", 2L), 50),
                null,
                null,
                null,
                false,
                kind);
    }

    private List<String> values() {
        return registry.scrape()
                .lines()
                .filter(line -> line.startsWith("splitmem_"))
                .toList();
    }

    private static String line(String metric, String kind, String value) {
        return metric + "{destination=\"h2\",kind=\"" + kind + "\",name=\"db1\",vm=\"" + UUID + "\"} " + value;
    }

    @Test
    void aMigrationHasItsGaugesAsLongAsItRuns() {
        metrics.show(List.of(migration(MigrationPhase.PRECOPY, MigrationKind.PARTIAL)));
        assertThat(values())
                .containsExactlyInAnyOrder(
                        line("splitmem_migration_remaining_bytes", "partial", "40960.0"),
                        line("splitmem_migration_staying_bytes", "partial", "20480.0"));

        metrics.show(List.of(migration(MigrationPhase.DONE, MigrationKind.PARTIAL)));
        assertThat(values()).isEmpty();
    }

    @Test
    void onlyOfOneThatMovesTheMainHostAlonePagesStay() {
        metrics.show(List.of(migration(MigrationPhase.PRECOPY, MigrationKind.GATHER)));
        assertThat(values()).contains(line("splitmem_migration_staying_bytes", "gather", "0.0"));

        metrics.show(List.of(migration(MigrationPhase.PRECOPY, null)));
        assertThat(values()).contains(line("splitmem_migration_staying_bytes", "one-to-n", "0.0"));
    }
}
