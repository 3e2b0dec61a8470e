package org.splitmem.bridge.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.plan.Plan.Outcome;
import org.splitmem.bridge.plan.Plan.Share;

class SplitPlannerTest {
    private static final Map<String, Long> SHARES = Map.of("h3", 100L, "h4", 156L);

    private static Plan plan(String mode, long freeMb, CloudRules rules) {
        ExtraSpecs specs = ExtraSpecs.of(Map.of("splitmem:mode", mode));
        PlanRequest request = new PlanRequest("h2", "h1", 512, 256, freeMb, specs, rules, SHARES.keySet());
        return SplitPlanner.plan(request, SHARES, Map.of("h4", "it is being drained"));
    }

    @Test
    void itIsGatheredWhereThereIsRoom() {
        for (String mode : new String[] {"auto", "never"}) {
            Plan plan = plan(mode, 256, CloudRules.NONE);
            assertThat(plan.outcome()).isEqualTo(Outcome.WHOLE);
            assertThat(plan.shares()).isEmpty();
            assertThat(plan.summary()).contains("it has 256 MB free").contains("{h3=100, h4=156}");
        }
    }

    @Test
    void otherwiseItsSubHostsKeepWhatTheyHave() {
        Plan plan = plan("auto", 255, CloudRules.NONE);

        assertThat(plan.shares()).containsExactly(new Share("h3", 100, 0), new Share("h4", 156, 0));
        assertThat(plan.summary())
                .isEqualTo(
                        "256 MB on h2: the VM is split, and its sub-hosts keep what they have: {h3=100, h4=156}; it is"
                                + " not gathered: h2 has 255 MB free besides the main share of 256 MB, 256 MB are needed for that;"
                                + " h4 keeps its pages, but it is being drained: empty it with \"splitmem drain h4\"");
        assertThat(plan.explanation()).containsExactly("h3: keeps 100 MB", "h4: keeps 156 MB, but it is being drained");
        assertThat(plan("always", 9999, CloudRules.NONE).shares()).hasSize(2);
    }

    @Test
    void modeNeverIsRefusedWhereItCannotBeGathered() {
        assertThat(plan("never", 255, CloudRules.NONE).reason()).isEqualTo("no-room");
    }

    @Test
    void anotherServerOfItsGroupKeepsItAway() {
        CloudRules apart =
                new CloudRules("", "", false, Set.of(), Set.of(), GroupPolicy.ANTI_AFFINITY, 1, Set.of("other"));

        assertThat(plan("auto", 9999, apart).reason()).isEqualTo("server-group");
    }
}
