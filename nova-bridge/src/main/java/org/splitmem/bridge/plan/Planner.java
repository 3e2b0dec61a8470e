package org.splitmem.bridge.plan;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.splitmem.bridge.plan.Plan.Outcome;
import org.splitmem.bridge.plan.Plan.Share;
import org.splitmem.model.RefusalCode;

/**
 * Chooses sub-hosts. The same request and hosts, in whatever order, always give the same plan.
 *
 * <ol>
 *   <li>Whole on the main host, if that has room and the flavor lets it.
 *   <li>Otherwise on sub-hosts that {@link CloudRules} allow, as Nova chose the main host.
 *   <li>As few of them as do the job: each more is one more whose death stops the guest.
 *   <li>Of all sets of that size the one with the best hosts by {@link Selection#PREFERENCE}: those that suit its server group, that hold its pages already, then by link,
 *       load and latency, then the emptiest.
 *   <li>The shares are as even as the hosts' room allows, so that all their links work in parallel.
 *   <li>Each further replica is chosen likewise, from failure domains that no other replica uses.
 * </ol>
 */
public final class Planner {
    /** Refusal: the main host has no room for all of it, and it must not be split. */
    public static final String NO_ROOM = RefusalCode.NO_ROOM.word();

    /** Refusal: the hosts that could be sub-hosts have not enough room. */
    public static final String NO_SUB_HOSTS = RefusalCode.NO_SUB_HOSTS.word();

    /** Refusal: the main host has memory of other servers of the VM's anti-affinity group. */
    public static final String SERVER_GROUP = RefusalCode.SERVER_GROUP.word();

    private Planner() {}

    public static Plan plan(PlanRequest request, List<Candidate> hosts) {
        long need = request.remainderMb();
        ExtraSpecs specs = request.specs();
        String againstMain = request.rules().againstMain();
        if (againstMain != null) {
            return refused(SERVER_GROUP, request.mainHost() + " cannot be the main host: " + againstMain, List.of());
        }
        if (need == 0) {
            return whole(request, "the main share is all of its RAM");
        }
        if (specs.mode() != Mode.ALWAYS && request.mainFreeMb() >= need) {
            return whole(request, "it has " + request.mainFreeMb() + " MB free");
        }
        String mainIsFull = request.mainHost() + " has " + request.mainFreeMb() + " MB free besides the main share of "
                + request.mainMb() + " MB, " + need + " MB are needed";
        if (specs.mode() == Mode.NEVER) {
            return refused(NO_ROOM, mainIsFull + ", and splitmem:mode is never", List.of());
        }
        Census census = Census.of(request, hosts);
        List<Share> shares = new ArrayList<>();
        Set<String> usedDomains = new HashSet<>();
        for (int replica = 0; replica < specs.replicas(); replica++) {
            List<Candidate> left = census.eligible().stream()
                    .filter(host -> !usedDomains.contains(host.failureDomain()))
                    .toList();
            Selection selection = Selection.of(left, request);
            if (selection.failure() != null) {
                return refused(
                        NO_SUB_HOSTS,
                        "no sub-hosts for " + need + " MB of a VM on " + request.mainHost() + ": " + selection.failure()
                                + census.rejections(),
                        census.lines(Set.of()));
            }
            selection.hosts().forEach(host -> usedDomains.add(host.failureDomain()));
            shares.addAll(Shares.divide(selection.hosts(), need, replica));
        }
        return split(request, shares, census);
    }

    private static Plan whole(PlanRequest request, String because) {
        String summary = request.ramMb() + " MB whole on " + request.mainHost() + ": " + because;
        return new Plan(Outcome.WHOLE, List.of(), null, summary, List.of());
    }

    private static Plan refused(String reason, String summary, List<String> lines) {
        return new Plan(Outcome.REFUSED, List.of(), reason, summary, lines);
    }

    private static Plan split(PlanRequest request, List<Share> shares, Census census) {
        Map<String, Long> byHost = new TreeMap<>();
        shares.forEach(share -> byHost.merge(share.host(), share.mb(), Long::sum));
        String summary = request.mainMb() + " MB on " + request.mainHost() + ", the rest on " + byHost.size()
                + (byHost.size() == 1 ? " sub-host: " : " sub-hosts: ") + byHost;
        return new Plan(Outcome.SPLIT, shares, null, summary, census.lines(byHost.keySet()));
    }
}
