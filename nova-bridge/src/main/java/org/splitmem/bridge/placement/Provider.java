package org.splitmem.bridge.placement;

import java.util.Set;
import java.util.UUID;

/**
 * A resource provider that is a host.
 *
 * @param name of the host: its compute service, or else the provider itself
 * @param freeMb MEMORY_MB within its capacity that nobody has claimed; negative if it is overcommitted
 * @param traits of a lender that is not full; otherwise empty
 */
public record Provider(UUID uuid, String name, long freeMb, Set<String> traits) {
    public Provider {
        traits = Set.copyOf(traits);
    }
}
