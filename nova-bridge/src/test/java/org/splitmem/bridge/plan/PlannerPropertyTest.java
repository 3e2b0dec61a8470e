package org.splitmem.bridge.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.splitmem.bridge.plan.Plan.Outcome;
import org.splitmem.bridge.plan.Plan.Share;

/** What holds of every plan, on clouds by chance; the seed is in the test's name. */
class PlannerPropertyTest {
    private static final int MOST_BY_FORCE = 12;

    static LongStream seeds() {
        return LongStream.range(0, 500);
    }

    /** A request and a cloud, from a seed. */
    private record Case(PlanRequest request, List<Candidate> hosts) {
        static Case of(long seed, int mostHosts) {
            Random random = new Random(seed);
            List<Candidate> hosts = Hosts.random(random, 2 + random.nextInt(mostHosts - 1));
            Map<String, String> specs = new HashMap<>();
            specs.put("splitmem:mode", random.nextInt(3) == 0 ? "always" : "auto");
            int least = 1 + random.nextInt(3);
            specs.put("splitmem:min_sub_hosts", "" + least);
            specs.put("splitmem:max_sub_hosts", "" + (least + random.nextInt(6)));
            specs.put("splitmem:replicas", random.nextInt(5) == 0 ? "2" : "1");
            long main = random.nextLong(1, 100_000);
            Set<String> holders = hosts.stream()
                    .filter(host -> random.nextInt(5) == 0)
                    .map(Candidate::name)
                    .collect(Collectors.toSet());
            long ram = main + random.nextInt(1_200_000);
            return new Case(
                    new PlanRequest(
                            "main",
                            "source",
                            ram,
                            main,
                            random.nextInt(600_000),
                            ExtraSpecs.of(specs),
                            CloudRules.NONE,
                            holders),
                    hosts);
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void aSplitPlanFitsAndIsExact(long seed) {
        Case c = Case.of(seed, 40);
        Map<String, Candidate> byName =
                c.hosts().stream().collect(Collectors.toMap(Candidate::name, Function.identity()));
        ExtraSpecs specs = c.request().specs();

        Plan plan = Planner.plan(c.request(), c.hosts());

        if (plan.outcome() != Outcome.SPLIT) {
            return;
        }
        assertThat(plan.shares())
                .extracting(Share::host)
                .doesNotHaveDuplicates()
                .doesNotContain("main", "source");
        Map<Integer, Set<String>> domains = new HashMap<>();
        for (Share share : plan.shares()) {
            Candidate host = byName.get(share.host());
            assertThat(share.mb()).isBetween(1L, Math.min(host.placementFreeMb(), host.lendableMb()));
            assertThat(host.trouble()).isNull();
            domains.computeIfAbsent(share.replica(), key -> new HashSet<>()).add(host.failureDomain());
        }
        for (int replica = 0; replica < specs.replicas(); replica++) {
            int number = replica;
            List<Share> copy =
                    plan.shares().stream().filter(s -> s.replica() == number).toList();
            assertThat(copy.stream().mapToLong(Share::mb).sum())
                    .isEqualTo(c.request().remainderMb());
            assertThat(copy.size()).isLessThanOrEqualTo(specs.maxSubHosts());
            assertThat((long) copy.size())
                    .isGreaterThanOrEqualTo(
                            Math.min(specs.minSubHosts(), c.request().remainderMb()));
        }
        if (specs.replicas() == 2) {
            assertThat(Collections.disjoint(domains.get(0), domains.get(1))).isTrue();
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void theOrderInWhichHostsAreReportedDoesNotMatter(long seed) {
        Case c = Case.of(seed, 40);
        List<Candidate> shuffled = new ArrayList<>(c.hosts());
        Collections.shuffle(shuffled, new Random(seed));

        assertThat(Planner.plan(c.request(), shuffled)).isEqualTo(Planner.plan(c.request(), c.hosts()));
    }

    /** Compared with all sets of hosts of a small cloud, tried one by one. */
    @ParameterizedTest
    @MethodSource("seeds")
    void noSmallerSetHasRoomAndNoneOfThatSizeIsPreferred(long seed) {
        Case c = Case.of(seed, MOST_BY_FORCE);
        if (c.request().specs().replicas() != 1) {
            return;
        }
        Plan plan = Planner.plan(c.request(), c.hosts());
        if (plan.outcome() == Outcome.WHOLE) {
            return;
        }

        List<Candidate> best = byForce(c);

        assertThat(plan.shares().stream().map(Share::host).collect(Collectors.toSet()))
                .isEqualTo(best.stream().map(Candidate::name).collect(Collectors.toSet()));
    }

    /** Every set in the order of preference of its members; the first of the least allowed size with room wins. */
    private static List<Candidate> byForce(Case c) {
        PlanRequest request = c.request();
        Comparator<Candidate> holdersFirst =
                Comparator.comparing(host -> !request.holders().contains(host.name()));
        List<Candidate> usable = Census.of(request, c.hosts()).eligible().stream()
                .sorted(holdersFirst.thenComparing(Selection.PREFERENCE))
                .toList();
        int least = (int) Math.min(request.specs().minSubHosts(), request.remainderMb());
        for (int size = least; size <= request.specs().maxSubHosts(); size++) {
            List<Candidate> found = firstOfSize(usable, size, request.remainderMb(), 0, List.of());
            if (!found.isEmpty()) {
                return found;
            }
        }
        return List.of();
    }

    private static List<Candidate> firstOfSize(
            List<Candidate> usable, int size, long need, int from, List<Candidate> sofar) {
        if (size == 0) {
            return need <= 0 ? sofar : List.of();
        }
        for (int i = from; i < usable.size(); i++) {
            List<Candidate> more = new ArrayList<>(sofar);
            more.add(usable.get(i));
            List<Candidate> found =
                    firstOfSize(usable, size - 1, need - usable.get(i).roomMb(), i + 1, more);
            if (!found.isEmpty()) {
                return found;
            }
        }
        return List.of();
    }
}
