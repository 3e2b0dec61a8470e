package org.splitmem.bridge.nova;

import java.util.List;
import java.util.UUID;

/**
 * A server group.
 *
 * @param policy affinity, anti-affinity, soft-affinity or soft-anti-affinity
 * @param maxPerHost of an anti-affinity group: so many members may share a host
 * @param members that are not deleted
 */
public record ServerGroup(UUID uuid, String name, String policy, int maxPerHost, List<UUID> members) {
    public ServerGroup {
        members = List.copyOf(members);
    }
}
