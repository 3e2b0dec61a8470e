package org.splitmem.bridge.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.plan.Plan.Outcome;
import org.splitmem.bridge.plan.Plan.Share;

class SplitPlannerTest {
    private static final Map<String, Long> SHARES = Map.of("h3", 100L, "h4", 156L);

    private static Plan plan(String mode, long freeMb, CloudRules rules) {
        ExtraSpecs specs = ExtraSpecs.of(Map.of("splitmem:mode", mode));
        PlanRequest request = new PlanRequest("h2", "h1", 512, 256, freeMb, specs, rules, SHARES.keySet());
        return SplitPlanner.plan(request, SHARES, Map.of("h4", "it is being drained"), List.of());
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

    /** To h4, which keeps 156 MB, and is drained. */
    private static Plan toH4(long freeMb, Map<String, Long> shares, Candidate... others) {
        PlanRequest request = new PlanRequest(
                "h4", "h1", 512, 256, freeMb, ExtraSpecs.of(Map.of()), CloudRules.NONE, shares.keySet());
        return SplitPlanner.plan(request, shares, Map.of("h4", "it is being drained"), List.of(others));
    }

    @Test
    void whatItsNewMainHostKeepsOthersTakeOver() {
        Plan plan = toH4(255, SHARES, Hosts.host("h1", 900), Hosts.host("h5", 100), Hosts.host("h6", 100));

        assertThat(plan.shares())
                .containsExactly(new Share("h3", 100, 0), new Share("h5", 78, 0), new Share("h6", 78, 0));
        assertThat(plan.summary())
                .isEqualTo("256 MB on h4: the VM is split, and its sub-host keeps what it has: {h3=100}; 156 MB that h4"
                        + " keeps leave it as soon as the VM runs there: {h5=78, h6=78}; it is not gathered: h4 has 255 MB"
                        + " free besides the main share of 256 MB, 256 MB are needed for that");
        assertThat(plan.explanation()).hasSize(5);
        assertThat(plan.explanation().subList(0, 2))
                .containsExactly("h3: keeps 100 MB", "h4: 156 MB that it keeps leave it once the VM runs there");
        assertThat(plan.explanation().get(2)).startsWith("h1: is the source; ");
        assertThat(plan.explanation().get(3)).startsWith("h5: chosen; ");
    }

    @Test
    void itsNewMainHostMayBeItsOnlySubHost() {
        Plan plan = toH4(255, Map.of("h4", 256L), Hosts.host("h5", 300));

        assertThat(plan.shares()).containsExactly(new Share("h5", 256, 0));
        assertThat(plan.summary())
                .startsWith("256 MB on h4: the VM is split, and 256 MB that h4 keeps leave it as soon as the VM runs"
                        + " there: {h5=256}; it is not gathered: ");
    }

    @Test
    void withoutRoomOnOthersItDoesNotMoveToItsSubHost() {
        Plan plan = toH4(255, SHARES, Hosts.host("h5", 155));

        assertThat(plan.outcome()).isEqualTo(Outcome.REFUSED);
        assertThat(plan.reason()).isEqualTo("no-sub-hosts");
        assertThat(plan.summary())
                .isEqualTo(
                        "h4 keeps 156 MB of the VM, and no other host has room for them: no sub-hosts for 156 MB of a VM"
                                + " on h4: the 1 that can be used have room for 155 MB; it is not gathered: h4 has 255 MB free"
                                + " besides the main share of 256 MB, 256 MB are needed for that");
        assertThat(plan.shares()).isEmpty();
    }

    @Test
    void whereItIsGatheredNothingIsNeededOfOthers() {
        Plan plan = toH4(256, SHARES);

        assertThat(plan.outcome()).isEqualTo(Outcome.WHOLE);
        assertThat(plan.summary())
                .isEqualTo(
                        "512 MB whole on h4: it has 256 MB free; the VM is split, and what its sub-hosts have comes there"
                                + " as soon as it runs there: {h3=100}, and 156 MB of it are in the store of h4 already");
        assertThat(toH4(256, Map.of("h4", 256L)).summary())
                .endsWith("the VM is split, and 256 MB of it are in the store of h4 already");
    }

    /** Its pages have a number of four bits for the host that has them. */
    @Test
    void aVmHasAtMostSixteenSubHostsAtATime() {
        Map<String, Long> shares = new TreeMap<>();
        for (int i = 0; i < 16; i++) {
            shares.put("h" + i, 16L);
        }

        Plan plan = toH4(0, shares, Hosts.host("h20", 300));

        assertThat(plan.reason()).isEqualTo("no-sub-hosts");
        assertThat(plan.summary()).contains("it has 16 sub-hosts, would need 1 more, and 16 is the most at a time");
        shares.put("h0", 32L);
        shares.remove("h15");
        assertThat(toH4(0, shares, Hosts.host("h20", 300)).shares()).hasSize(15);
    }
}
