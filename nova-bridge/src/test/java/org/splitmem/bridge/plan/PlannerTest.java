package org.splitmem.bridge.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.bridge.plan.Hosts.host;
import static org.splitmem.bridge.plan.Hosts.request;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.plan.Plan.Outcome;
import org.splitmem.bridge.plan.Plan.Share;

class PlannerTest {
    @Test
    void aMainHostWithRoomForAllTakesAll() {
        PlanRequest request =
                new PlanRequest("main", null, 512, 256, 256, ExtraSpecs.of(Map.of()), CloudRules.NONE, Set.of());

        Plan plan = Planner.plan(request, List.of(host("h3", 1000)));

        assertThat(plan.outcome()).isEqualTo(Outcome.WHOLE);
        assertThat(plan.shares()).isEmpty();
    }

    @Test
    void modeAlwaysSplitsEvenSo() {
        ExtraSpecs always = ExtraSpecs.of(Map.of("splitmem:mode", "always"));
        PlanRequest request = new PlanRequest("main", null, 512, 256, 256, always, CloudRules.NONE, Set.of());

        Plan plan = Planner.plan(request, List.of(host("h3", 1000)));

        assertThat(plan.shares()).containsExactly(new Share("h3", 256, 0));
    }

    @Test
    void modeNeverIsRefusedWhereThereIsNoRoomForAll() {
        Plan plan = Planner.plan(request(512, 256, Map.of("splitmem:mode", "never")), List.of(host("h3", 1000)));

        assertThat(plan.reason()).isEqualTo("no-room");
        assertThat(plan.summary())
                .isEqualTo("main has 0 MB free besides the main share of 256 MB, 256 MB are needed,"
                        + " and splitmem:mode is never");
    }

    @Test
    void asFewSubHostsAsDoTheJob() {
        Plan plan = Planner.plan(
                request(1000, 400, Map.of()), List.of(host("a", 250), host("b", 400), host("c", 300), host("d", 90)));

        assertThat(plan.shares()).containsExactly(new Share("b", 300, 0), new Share("c", 300, 0));
    }

    @Test
    void neitherTheMainHostNorTheSourceIsASubHost() {
        Plan plan = Planner.plan(
                request(512, 256, Map.of()), List.of(host("main", 9999), host("source", 9999), host("h3", 100)));

        assertThat(plan.outcome()).isEqualTo(Outcome.REFUSED);
        assertThat(plan.summary())
                .isEqualTo("no sub-hosts for 256 MB of a VM on main: the 1 that can be used have room for 100 MB");
    }

    @Test
    void aRefusalSaysWhyEachHostIsOut() {
        Candidate sick = new Candidate("h4", 999, 999, "does not answer", "h4", 0, 0, 0, Membership.NONE);
        Candidate stingy = new Candidate("h5", 999, 0, null, "h5", 0, 0, 0, Membership.NONE);

        Plan plan = Planner.plan(request(512, 256, Map.of()), List.of(host("h3", 0), sick, stingy));

        assertThat(plan.reason()).isEqualTo("no-sub-hosts");
        assertThat(plan.summary())
                .isEqualTo("no sub-hosts for 256 MB of a VM on main: the 0 that can be used have room for 0 MB;"
                        + " 1 not healthy (h4: does not answer); 1 without free MEMORY_MB (h3);"
                        + " 1 with nothing left to lend (h5)");
        assertThat(plan.explanation()).hasSize(3);
    }

    @Test
    void hostsThatHoldPagesAreKept() {
        PlanRequest request =
                new PlanRequest("main", null, 512, 256, 0, ExtraSpecs.of(Map.of()), CloudRules.NONE, Set.of("c"));

        Plan plan = Planner.plan(request, List.of(host("a", 900), host("b", 800), host("c", 300)));

        assertThat(plan.shares()).containsExactly(new Share("c", 256, 0));
    }

    @Test
    void amongEqualsTheFasterLinkThenTheLowerLoadThenTheQuickerAnswerDecides() {
        Candidate slow = new Candidate("a", 900, 900, null, "a", 125_000_000, 0, 100, Membership.NONE);
        Candidate busy = new Candidate("b", 900, 900, null, "b", 1_250_000_000, 90, 100, Membership.NONE);
        Candidate idle = new Candidate("d", 900, 900, null, "d", 1_250_000_000, 5, 100, Membership.NONE);
        Candidate far = new Candidate("c", 900, 900, null, "c", 1_250_000_000, 5, 9000, Membership.NONE);

        assertThat(Planner.plan(request(512, 256, Map.of()), List.of(slow, busy, far, idle))
                        .shares())
                .extracting(Share::host)
                .containsExactly("d");
        assertThat(Planner.plan(request(512, 256, Map.of()), List.of(slow, busy, far))
                        .shares())
                .extracting(Share::host)
                .containsExactly("c");
        assertThat(Planner.plan(request(512, 256, Map.of()), List.of(slow, busy))
                        .shares())
                .extracting(Share::host)
                .containsExactly("b");
    }

    @Test
    void theNumberOfSubHostsKeepsToItsBounds() {
        List<Candidate> hosts = List.of(host("a", 900), host("b", 900), host("c", 100));

        assertThat(Planner.plan(request(512, 256, Map.of("splitmem:min_sub_hosts", "2")), hosts)
                        .shares())
                .containsExactly(new Share("a", 128, 0), new Share("b", 128, 0));
        assertThat(Planner.plan(request(2000, 256, Map.of("splitmem:max_sub_hosts", "1")), hosts)
                        .summary())
                .contains("at least 2 would be needed, at most 1 are allowed");
        assertThat(Planner.plan(request(512, 256, Map.of("splitmem:min_sub_hosts", "4")), hosts)
                        .summary())
                .contains("at least 4 are asked for, 3 can be used");
    }

    @Test
    void replicasNeverShareAFailureDomain() {
        List<Candidate> hosts = List.of(
                new Candidate("a", 900, 900, null, "rack1", 0, 0, 0, Membership.NONE),
                new Candidate("b", 800, 800, null, "rack1", 0, 0, 0, Membership.NONE),
                new Candidate("c", 700, 700, null, "rack2", 0, 0, 0, Membership.NONE));

        Plan two = Planner.plan(request(512, 256, Map.of("splitmem:replicas", "2")), hosts);
        Plan three = Planner.plan(request(512, 256, Map.of("splitmem:replicas", "3")), hosts);

        assertThat(two.shares()).containsExactly(new Share("a", 256, 0), new Share("c", 256, 1));
        assertThat(three.outcome()).isEqualTo(Outcome.REFUSED);
    }
}
