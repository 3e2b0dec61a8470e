package org.splitmem.bridge.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/** Clouds of hosts, by hand and by chance. */
final class Hosts {
    static final String AGGREGATE = "6f70656e-0000-4000-8000-737461636b21";

    private Hosts() {}

    static Candidate host(String name, long freeMb) {
        return new Candidate(name, freeMb, freeMb, null, name, 0, 0, 0, Membership.NONE);
    }

    static PlanRequest request(long ramMb, long mainMb, Map<String, String> specs) {
        return new PlanRequest("main", "source", ramMb, mainMb, 0, ExtraSpecs.of(specs), CloudRules.NONE, Set.of());
    }

    static List<Candidate> random(Random random, int count) {
        List<Candidate> hosts = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            hosts.add(new Candidate(
                    i == 0 ? "main" : i == 1 ? "source" : "host" + i,
                    random.nextInt(4) == 0 ? 0 : random.nextInt(1, 600_000),
                    random.nextInt(6) == 0 ? 0 : random.nextInt(1, 600_000),
                    random.nextInt(20) == 0 ? "does not answer" : null,
                    "rack" + random.nextInt(1 + count / 4),
                    125_000_000L * (1 + random.nextInt(100)),
                    random.nextInt(200),
                    random.nextInt(2000),
                    Membership.NONE));
        }
        return hosts;
    }
}
