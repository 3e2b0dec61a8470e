package org.splitmem.bridge.plan;

/** What a server group asks of the hosts that hold its servers' pages. */
public enum GroupPolicy {
    /** The server is in no group. */
    NONE,
    /** No host has memory of more servers than the group allows. */
    ANTI_AFFINITY,
    /** The same, if it can be had. */
    SOFT_ANTI_AFFINITY,
    /** Hosts that have memory of the group's servers are preferred. One host cannot be main host and sub-host, so more cannot be asked. */
    AFFINITY;

    /** @throws IllegalArgumentException if it is none of Nova's */
    public static GroupPolicy of(String novas) {
        return switch (novas) {
            case "anti-affinity" -> ANTI_AFFINITY;
            case "soft-anti-affinity" -> SOFT_ANTI_AFFINITY;
            case "affinity", "soft-affinity" -> AFFINITY;
            default -> throw new IllegalArgumentException("server groups have no policy '" + novas + "'");
        };
    }
}
