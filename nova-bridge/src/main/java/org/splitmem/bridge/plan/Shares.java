package org.splitmem.bridge.plan;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.splitmem.bridge.plan.Plan.Share;

/** Divides an amount among hosts. */
final class Shares {
    private Shares() {}

    /**
     * As evenly as their room allows, in whole MB.
     *
     * @param hosts with room for {@code need} together, and no more of them than {@code need}
     */
    static List<Share> divide(List<Candidate> hosts, long need, int replica) {
        List<Candidate> tightestFirst = new ArrayList<>(hosts);
        tightestFirst.sort(Comparator.comparingLong(Candidate::roomMb).thenComparing(Candidate::name));
        Map<String, Long> amounts = new HashMap<>();
        long left = need;
        int places = hosts.size();
        for (Candidate host : tightestFirst) {
            // Rounded up: the average of the rest never grows, so whoever follows, with more room, has enough.
            long amount = Math.min(host.roomMb(), (left + places - 1) / places);
            amounts.put(host.name(), amount);
            left -= amount;
            places--;
        }
        return hosts.stream()
                .map(host -> new Share(host.name(), amounts.getOrDefault(host.name(), 0L), replica))
                .toList();
    }
}
