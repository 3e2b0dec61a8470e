package org.splitmem.bridge.plan;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * How the cloud is cut, as it concerns one VM: Nova has chosen its main host by this, and it holds for every host that keeps pages.
 *
 * @param zone availability zone of the main host; empty: the default one
 * @param project whose VM it is; empty: not known, and no host that is kept for some projects will do
 * @param ownAggregatesOnly the project has aggregates of its own, and is limited to them
 * @param requiredTraits of the flavor and the image
 * @param forbiddenTraits of the flavor
 * @param maxPerHost how many servers of an anti-affinity group may share a host
 * @param groupServersOnMain other servers of the group that have memory on the main host
 */
public record CloudRules(
        String zone,
        String project,
        boolean ownAggregatesOnly,
        Set<String> requiredTraits,
        Set<String> forbiddenTraits,
        GroupPolicy group,
        int maxPerHost,
        Set<String> groupServersOnMain) {
    /** Of hosts that Nova gives no new servers. */
    public static final String DISABLED = "COMPUTE_STATUS_DISABLED";

    /** Of a cloud that is not cut. */
    public static final CloudRules NONE =
            new CloudRules("", "", false, Set.of(), Set.of(), GroupPolicy.NONE, 1, Set.of());

    public CloudRules {
        requiredTraits = Set.copyOf(requiredTraits);
        forbiddenTraits = Set.copyOf(forbiddenTraits);
        groupServersOnMain = Set.copyOf(groupServersOnMain);
    }

    /**
     * Why a host must not keep pages of the VM.
     *
     * @param detail with which values
     */
    record Objection(Cause cause, String detail) {}

    /** Kinds of objections, in the order in which they are reported. */
    enum Cause {
        DISABLED(0, "disabled in Nova"),
        ZONE(1, "in another availability zone"),
        PROJECT(2, "not for this project"),
        TRAITS(3, "without the right traits"),
        GROUP(4, "with pages of the same server group");

        private final int order;
        private final String words;

        Cause(int order, String words) {
            this.order = order;
            this.words = words;
        }

        /** Where it stands among the causes of an explanation. */
        int order() {
            return order;
        }

        String words() {
            return words;
        }
    }

    /** @param keepsPages whether the VM starts where it was, and the host kept pages of it: a disabled host gets nothing new, but keeps what it has */
    @Nullable
    Objection against(Membership host, boolean keepsPages) {
        if (host.traits().contains(DISABLED) && !keepsPages) {
            return new Objection(Cause.DISABLED, "trait " + DISABLED);
        }
        if (!host.zone().equals(zone)) {
            return new Objection(Cause.ZONE, shown(host.zone()) + "; the VM is in " + shown(zone));
        }
        Objection objection = projectAgainst(host);
        if (objection == null) {
            objection = traitsAgainst(host);
        }
        return objection != null ? objection : groupAgainst(host.groupServers());
    }

    private static String shown(String zone) {
        return zone.isEmpty() ? "the default zone" : "zone " + zone;
    }

    /** Several aggregates of a host count together, as for Nova's AggregateMultiTenancyIsolation: any that names the project lets it in. */
    private @Nullable Objection projectAgainst(Membership host) {
        List<AggregateRule> kept = host.aggregates().stream()
                .filter(rule -> !rule.projects().isEmpty())
                .toList();
        if (kept.stream().anyMatch(rule -> rule.projects().contains(project))) {
            return null;
        }
        if (!kept.isEmpty()) {
            return new Objection(Cause.PROJECT, "aggregate " + kept.get(0).name() + " is kept for others");
        }
        return ownAggregatesOnly ? new Objection(Cause.PROJECT, "in none of the project's aggregates") : null;
    }

    private @Nullable Objection traitsAgainst(Membership host) {
        Set<String> missing = new TreeSet<>(requiredTraits);
        missing.removeAll(host.traits());
        if (!missing.isEmpty()) {
            return new Objection(Cause.TRAITS, "has no " + some(missing));
        }
        Set<String> unwanted = new TreeSet<>(forbiddenTraits);
        unwanted.retainAll(host.traits());
        if (!unwanted.isEmpty()) {
            return new Objection(Cause.TRAITS, "has " + some(unwanted));
        }
        for (AggregateRule aggregate : host.aggregates()) {
            Set<String> asked = new TreeSet<>(aggregate.traits());
            asked.removeAll(requiredTraits);
            if (!asked.isEmpty()) {
                return new Objection(
                        Cause.TRAITS,
                        "aggregate " + aggregate.name() + " is kept for servers that require " + some(asked));
            }
        }
        return null;
    }

    /** Whether an anti-affinity group has all the servers on a host that it may have there, without the VM. */
    public boolean isTooManyOfGroup(Membership host) {
        return groupAgainst(host.groupServers()) != null;
    }

    private @Nullable Objection groupAgainst(Set<String> servers) {
        if (group != GroupPolicy.ANTI_AFFINITY || servers.size() < maxPerHost) {
            return null;
        }
        return new Objection(Cause.GROUP, "anti-affinity: server " + some(new TreeSet<>(servers)));
    }

    /** Why the VM must not run on its main host: Nova does not see the sub-hosts of the group's other servers. */
    @Nullable
    String againstMain() {
        Objection objection = groupAgainst(groupServersOnMain);
        return objection == null ? null : objection.detail() + " has memory there";
    }

    /** Of a VM that runs on its main host, and stays there. */
    public CloudRules whereItRuns() {
        return new CloudRules(
                zone, project, ownAggregatesOnly, requiredTraits, forbiddenTraits, group, maxPerHost, Set.of());
    }

    /** The less, the sooner a host is chosen for the group's sake. */
    int groupRank(Membership host) {
        return switch (group) {
            case NONE -> 0;
            case ANTI_AFFINITY, SOFT_ANTI_AFFINITY -> host.groupServers().size();
            case AFFINITY -> host.groupServers().isEmpty() ? 1 : 0;
        };
    }

    private static String some(Collection<String> names) {
        String first = names.iterator().next();
        return names.size() == 1 ? first : first + " and " + (names.size() - 1) + " more";
    }
}
