package org.splitmem.bridge.rules;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;
import org.splitmem.bridge.nova.NovaClient;
import org.splitmem.bridge.nova.Server;
import org.splitmem.bridge.nova.ServerGroup;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.placement.Provider;
import org.splitmem.bridge.plan.GroupPolicy;

/**
 * A VM's server group, and on which hosts the group's other servers have memory. Immutable.
 *
 * <p>A server has memory where Nova says that it is, where its claim is in Placement (on a live migration's destination, say), and where ours
 * is: on both sides of a migration, and while it is shut off.
 */
final class GroupMap {
    static final GroupMap NONE = new GroupMap(GroupPolicy.NONE, 1);

    private final GroupPolicy policy;
    private final int maxPerHost;
    private final Map<UUID, Set<String>> byProvider = new HashMap<>();
    private final Map<String, Set<String>> byHost = new HashMap<>();

    private GroupMap(GroupPolicy policy, int maxPerHost) {
        this.policy = policy;
        this.maxPerHost = maxPerHost;
    }

    static GroupMap read(NovaClient nova, PlacementClient placement, UUID instance) throws ServiceException {
        Optional<Server> server = nova.server(instance);
        if (server.isEmpty() || server.get().groups().isEmpty()) {
            return NONE;
        }
        Optional<ServerGroup> group = nova.group(server.get().groups().get(0));
        if (group.isEmpty()) {
            return NONE; // deleted in between; its servers are free then
        }
        GroupMap map = new GroupMap(policy(group.get()), group.get().maxPerHost());
        for (UUID member : group.get().members()) {
            if (!member.equals(instance)) {
                map.add(nova, placement, member);
            }
        }
        return map;
    }

    private static GroupPolicy policy(ServerGroup group) throws ServiceException {
        try {
            return GroupPolicy.of(group.policy());
        } catch (IllegalArgumentException e) {
            throw new ServiceException(
                    Kind.MALFORMED, "", "Nova: server group " + group.name() + ": " + e.getMessage());
        }
    }

    private void add(NovaClient nova, PlacementClient placement, UUID member) throws ServiceException {
        Optional<Server> server = nova.server(member);
        String host = server.map(Server::host).orElse(null);
        if (host != null) {
            byHost.computeIfAbsent(host, key -> new TreeSet<>()).add(member.toString());
        }
        Set<UUID> providers = new TreeSet<>(placement.hostsOf(member));
        providers.addAll(placement.hostsOf(Consumers.of(member)));
        for (UUID provider : providers) {
            byProvider.computeIfAbsent(provider, key -> new TreeSet<>()).add(member.toString());
        }
    }

    GroupPolicy policy() {
        return policy;
    }

    int maxPerHost() {
        return maxPerHost;
    }

    /** The group's other servers that have memory on a host. */
    Set<String> serversOn(Provider host) {
        Set<String> servers = new TreeSet<>(byProvider.getOrDefault(host.uuid(), Set.of()));
        servers.addAll(byHost.getOrDefault(host.name(), Set.of()));
        return servers;
    }
}
