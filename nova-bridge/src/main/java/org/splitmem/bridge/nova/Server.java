package org.splitmem.bridge.nova;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A server.
 *
 * @param host compute service that has it; absent while it is scheduled, when it is shelved, and if its cell is down
 * @param groups it is a member of; Nova lets it be one at most
 */
public record Server(UUID uuid, @Nullable String host, List<UUID> groups) {
    public Server {
        groups = List.copyOf(groups);
    }
}
