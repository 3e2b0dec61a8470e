package org.splitmem.bridge.nova;

import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * A host aggregate.
 *
 * @param hosts names of compute services, as each has in its nova.conf
 */
public record Aggregate(UUID uuid, String name, Set<String> hosts, Map<String, String> metadata) {
    public Aggregate {
        hosts = Set.copyOf(hosts);
        metadata = Map.copyOf(metadata);
    }
}
