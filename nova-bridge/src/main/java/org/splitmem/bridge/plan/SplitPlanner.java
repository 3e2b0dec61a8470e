package org.splitmem.bridge.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.plan.Plan.Outcome;

/**
 * Decides how a VM migrates that is split already. The same facts always give the same plan.
 *
 * <ol>
 *   <li>All of it comes to its new main host, if that has room and the flavor lets it: as for a VM that starts there.
 *   <li>Otherwise its main share moves, and its sub-hosts keep what they have. If its new main host is one of them, {@link Planner} chooses others that
 *       take over what it keeps.
 * </ol>
 */
public final class SplitPlanner {
    private SplitPlanner() {}

    /**
     * Plans it.
     *
     * @param shares what its sub-hosts keep, in MB; the main host may be one of them
     * @param leaving those of them that should not keep anything any more, and why
     * @param others hosts that could become sub-hosts: none of those that it has
     */
    public static Plan plan(
            PlanRequest request, Map<String, Long> shares, Map<String, String> leaving, List<Candidate> others) {
        String againstMain = request.rules().againstMain();
        if (againstMain != null) {
            String why = request.mainHost() + " cannot be the main host: " + againstMain;
            return new Plan(Outcome.REFUSED, List.of(), Planner.SERVER_GROUP, why, List.of());
        }
        Map<String, Long> kept = new TreeMap<>(shares);
        kept.remove(request.mainHost());
        long onMain = shares.getOrDefault(request.mainHost(), 0L);
        Mode mode = request.specs().mode();
        long need = request.remainderMb();
        if (mode != Mode.ALWAYS && request.mainFreeMb() >= need) {
            return whole(request, kept, onMain);
        }
        String room = request.mainHost() + " has " + request.mainFreeMb() + " MB free besides the main share of "
                + request.mainMb() + " MB, " + need + " MB are needed";
        if (mode == Mode.NEVER) {
            return new Plan(
                    Outcome.REFUSED,
                    List.of(),
                    Planner.NO_ROOM,
                    room + " to gather the VM, and splitmem:mode is never",
                    List.of());
        }
        String notGathered =
                "; it is not gathered: " + (mode == Mode.ALWAYS ? "splitmem:mode is always" : room + " for that");
        Map<String, String> leavingOfKept = new TreeMap<>(leaving);
        leavingOfKept.keySet().retainAll(kept.keySet());
        Plan further = onMain == 0 ? null : further(request, onMain, shares.size(), others);
        if (further != null && further.outcome() == Outcome.REFUSED) {
            String why = request.mainHost() + " keeps " + onMain
                    + " MB of the VM, and no other host has room for them: " + further.summary() + notGathered;
            return new Plan(Outcome.REFUSED, List.of(), further.reason(), why, further.explanation());
        }
        return split(request, kept, leavingOfKept, further, notGathered);
    }

    /** @param further who takes over what the main host keeps; absent if it keeps nothing */
    private static Plan split(
            PlanRequest request,
            Map<String, Long> kept,
            Map<String, String> leaving,
            @Nullable Plan further,
            String notGathered) {
        List<Plan.Share> shared = new ArrayList<>();
        List<String> lines = new ArrayList<>();
        kept.forEach((host, mb) -> {
            shared.add(new Plan.Share(host, mb, 0));
            String why = leaving.get(host);
            lines.add(host + ": keeps " + mb + " MB" + (why == null ? "" : ", but " + why));
        });
        String taken = "";
        if (further != null) {
            Map<String, Long> added = byHost(further);
            long mb = added.values().stream().mapToLong(Long::longValue).sum();
            shared.addAll(further.shares());
            lines.add(request.mainHost() + ": " + mb + " MB that it keeps leave it once the VM runs there");
            lines.addAll(further.explanation());
            taken = (kept.isEmpty() ? ", and " : "; ") + mb + " MB that " + request.mainHost()
                    + " keeps leave it as soon as the VM runs there: " + added;
        }
        String summary = request.mainMb() + " MB on " + request.mainHost() + ": the VM is split" + keeping(kept) + taken
                + notGathered + leavingText(leaving);
        return new Plan(Outcome.SPLIT, shared, null, summary, lines);
    }

    /** @param onMain what the main host keeps of the rest, as a sub-host */
    private static Plan whole(PlanRequest request, Map<String, Long> kept, long onMain) {
        String main = request.mainHost();
        String coming =
                kept.isEmpty() ? "" : ", and what its sub-hosts have comes there as soon as it runs there: " + kept;
        String there = onMain == 0 ? "" : ", and " + onMain + " MB of it are in the store of " + main + " already";
        String summary = request.ramMb() + " MB whole on " + main + ": it has " + request.mainFreeMb()
                + " MB free; the VM is split" + coming + there;
        return new Plan(Outcome.WHOLE, List.of(), null, summary, List.of());
    }

    /** As for a VM of which that much is to go elsewhere. */
    private static Plan further(PlanRequest request, long mb, int subHosts, List<Candidate> others) {
        PlanRequest further = new PlanRequest(
                request.mainHost(),
                request.source(),
                request.mainMb() + mb,
                request.mainMb(),
                0,
                request.specs().further(subHosts - 1),
                request.rules().whereItRuns(),
                Set.of());
        Plan plan = Planner.plan(further, others);
        if (subHosts + plan.shares().size() <= ExtraSpecs.MOST_SUB_HOSTS) {
            return plan;
        }
        String why = "it has " + subHosts + " sub-hosts, would need "
                + plan.shares().size() + " more, and " + ExtraSpecs.MOST_SUB_HOSTS + " is the most at a time";
        return new Plan(Outcome.REFUSED, List.of(), Planner.NO_SUB_HOSTS, why, plan.explanation());
    }

    private static Map<String, Long> byHost(Plan plan) {
        Map<String, Long> byHost = new TreeMap<>();
        plan.shares().forEach(share -> byHost.merge(share.host(), share.mb(), Long::sum));
        return byHost;
    }

    private static String keeping(Map<String, Long> kept) {
        return switch (kept.size()) {
            case 0 -> "";
            case 1 -> ", and its sub-host keeps what it has: " + kept;
            default -> ", and its sub-hosts keep what they have: " + kept;
        };
    }

    private static String leavingText(Map<String, String> leaving) {
        StringBuilder text = new StringBuilder();
        new TreeMap<>(leaving)
                .forEach((host, why) -> text.append("; ")
                        .append(host)
                        .append(" keeps its pages, but ")
                        .append(why)
                        .append(": empty it with \"splitmem drain ")
                        .append(host)
                        .append('"'));
        return text.toString();
    }
}
