package org.splitmem.systemtests;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What the matrix promises to cover. Needs no hosts. */
final class PlanTest {
    @Test
    void theNightlyMatrixCoversEverySizeLoadAndNumberOfSubHosts() {
        List<Plan> plans = Plan.many();

        assertThat(plans).hasSize(30).doesNotHaveDuplicates();
        assertThat(plans.stream().map(Plan::memoryMib).collect(Collectors.toSet()))
                .contains(256, 1024, 4096);
        assertThat(plans.stream().map(Plan::subHosts).collect(Collectors.toSet()))
                .containsExactlyInAnyOrder(1, 2, 3);
        assertThat(plans.stream().map(Plan::vcpus).collect(Collectors.toSet())).containsExactlyInAnyOrder(1, 2);
        assertThat(plans.stream().map(Plan::idle).collect(Collectors.toSet())).containsExactlyInAnyOrder(true, false);
        assertThat(plans.stream().map(Plan::budgetPercent).collect(Collectors.toSet()))
                .contains(25, 50, 75, 100);
        assertThat(plans).anyMatch(plan -> plan.numaCells() == 2);
        assertThat(plans).anyMatch(plan -> plan.options().contains("complete"));
    }
}
