package org.splitmem.bridge.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.splitmem.bridge.plan.Plan.Outcome;

/**
 * Decides how a VM migrates that is split already. The same facts always give the same plan.
 *
 * <ol>
 *   <li>All of it comes to its new main host, if that has room and the flavor lets it: as for a VM that starts there.
 *   <li>Otherwise its main share moves, and its sub-hosts keep what they have.
 * </ol>
 */
public final class SplitPlanner {
    private SplitPlanner() {}

    /**
     * Plans it.
     *
     * @param shares what its sub-hosts keep, in MB
     * @param leaving those of them that should not keep anything any more, and why
     */
    public static Plan plan(PlanRequest request, Map<String, Long> shares, Map<String, String> leaving) {
        String againstMain = request.rules().againstMain();
        if (againstMain != null) {
            String why = request.mainHost() + " cannot be the main host: " + againstMain;
            return new Plan(Outcome.REFUSED, List.of(), Planner.SERVER_GROUP, why, List.of());
        }
        Map<String, Long> byHost = new TreeMap<>(shares);
        Mode mode = request.specs().mode();
        long need = request.remainderMb();
        if (mode != Mode.ALWAYS && request.mainFreeMb() >= need) {
            String summary = request.ramMb() + " MB whole on " + request.mainHost() + ": it has " + request.mainFreeMb()
                    + " MB free; the VM is split, and what its sub-hosts have comes there as soon as it runs there: "
                    + byHost;
            return new Plan(Outcome.WHOLE, List.of(), null, summary, List.of());
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
        String summary = request.mainMb() + " MB on " + request.mainHost() + ": the VM is split, and "
                + (byHost.size() == 1 ? "its sub-host keeps what it has: " : "its sub-hosts keep what they have: ")
                + byHost + "; it is not gathered: "
                + (mode == Mode.ALWAYS ? "splitmem:mode is always" : room + " for that") + leavingText(leaving);
        List<Plan.Share> kept = new ArrayList<>();
        List<String> lines = new ArrayList<>();
        byHost.forEach((host, mb) -> {
            kept.add(new Plan.Share(host, mb, 0));
            String why = leaving.get(host);
            lines.add(host + ": keeps " + mb + " MB" + (why == null ? "" : ", but " + why));
        });
        return new Plan(Outcome.SPLIT, kept, null, summary, lines);
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
