package org.splitmem.bridge.plan;

import java.util.List;
import java.util.Set;

/**
 * What a host belongs to, as Nova and Placement say.
 *
 * @param zone its availability zone; empty: the cloud's default one
 * @param traits of its resource provider
 * @param aggregates that ask something of servers
 * @param groupServers other servers of the VM's server group that have memory there, as their main host or a sub-host
 */
public record Membership(String zone, Set<String> traits, List<AggregateRule> aggregates, Set<String> groupServers) {
    /** Of a host in no aggregate. */
    public static final Membership NONE = new Membership("", Set.of(), List.of(), Set.of());

    public Membership {
        traits = Set.copyOf(traits);
        aggregates = List.copyOf(aggregates);
        groupServers = Set.copyOf(groupServers);
    }
}
