package org.splitmem.bridge.plan;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * How long a plan takes. Prints percentiles in milliseconds, the JVM's first plans included.
 *
 * <pre>java -cp ... org.splitmem.bridge.plan.PlannerBenchmark [HOSTS] [PLANS]</pre>
 */
public final class PlannerBenchmark {
    private PlannerBenchmark() {}

    public static void main(String[] args) {
        int hosts = args.length > 0 ? Integer.parseInt(args[0]) : 1000;
        int plans = args.length > 1 ? Integer.parseInt(args[1]) : 2000;
        long[] ns = new long[plans];
        int split = 0;
        for (int i = 0; i < plans; i++) {
            Random random = new Random(i);
            List<Candidate> cloud = Hosts.random(random, hosts);
            PlanRequest request = new PlanRequest(
                    "main",
                    "source",
                    100_000 + random.nextInt(6_000_000),
                    50_000,
                    0,
                    ExtraSpecs.of(Map.of()),
                    CloudRules.NONE,
                    Set.of("host7", "host" + hosts / 2));
            long start = System.nanoTime();
            Plan plan = Planner.plan(request, cloud);
            ns[i] = System.nanoTime() - start;
            split += plan.outcome() == Plan.Outcome.SPLIT ? 1 : 0;
        }
        Arrays.sort(ns);
        System.out.printf(
                "%d hosts, %d plans (%d split): p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.2f ms%n",
                hosts, plans, split, ms(ns, 50), ms(ns, 90), ms(ns, 99), ns[plans - 1] / 1e6);
    }

    private static double ms(long[] sorted, int percentile) {
        return sorted[Math.min(sorted.length - 1, sorted.length * percentile / 100)] / 1e6;
    }
}
