package org.splitmem.bridge.telemetry;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.migration.Cloud;

class LostPagesTest {
    @Test
    void theyAreReadFromWhatSplitmemdCounts() {
        String metrics = "# HELP splitmem_vm_lost_pages_total Pages that cannot be had\n"
                + "# TYPE splitmem_vm_lost_pages_total counter\n"
                + "splitmem_vm_lost_pages_total{name=\"db1\",vm=\"" + Cloud.VM + "\"} 12.0\n"
                + "splitmem_vm_lost_pages_total{name=\"db2\",vm=\"6d1f0000-0000-4000-8000-000000000002\"} 0.0\n"
                + "splitmem_vm_page_ins_total{name=\"db1\",vm=\"" + Cloud.VM + "\"} 1.5E7\n";

        assertThat(LostPages.of(metrics)).isEqualTo(Map.of(Cloud.VM.toString(), 12L));
        assertThat(LostPages.of("")).isEmpty();
        assertThat(LostPages.of("not metrics at all {")).isEmpty();
    }
}
