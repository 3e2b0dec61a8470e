package org.splitmem.bridge.keystone;

import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who a token stands for.
 *
 * @param projectId absent if the token is not for a project
 * @param system whether it is for the whole cloud
 * @param expires after which it is no longer good
 */
public record Identity(String userId, @Nullable String projectId, boolean system, Set<String> roles, Instant expires) {
    public Identity {
        roles = Set.copyOf(roles);
    }
}
