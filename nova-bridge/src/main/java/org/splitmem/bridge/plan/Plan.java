package org.splitmem.bridge.plan;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where a VM's memory goes, or why nowhere.
 *
 * @param shares the sub-hosts and what each keeps; empty unless split
 * @param reason code of a refusal, for programs; absent otherwise
 * @param summary one sentence for people
 * @param explanation one line for each host that was looked at
 */
public record Plan(
        Outcome outcome, List<Share> shares, @Nullable String reason, String summary, List<String> explanation) {
    /** How it came out. */
    public enum Outcome {
        /** All of it on the main host. */
        WHOLE,
        /** The main share there, the rest on sub-hosts. */
        SPLIT,
        /** There is no room as asked. */
        REFUSED
    }

    /**
     * What a sub-host keeps.
     *
     * @param mb at least 1
     * @param replica 0 for the first copy of the pages
     */
    public record Share(String host, long mb, int replica) {}

    public Plan {
        shares = List.copyOf(shares);
        explanation = List.copyOf(explanation);
    }
}
