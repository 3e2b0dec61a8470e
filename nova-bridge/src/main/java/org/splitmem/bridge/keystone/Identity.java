package org.splitmem.bridge.keystone;

import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who a token stands for.
 *
 * @param userName for people; empty if Keystone does not say
 * @param projectId absent if the token is not for a project
 * @param projectName for people; absent if there is none
 * @param system whether it is for the whole cloud
 * @param expires after which it is no longer good
 */
public record Identity(
        String userId,
        String userName,
        @Nullable String projectId,
        @Nullable String projectName,
        boolean system,
        Set<String> roles,
        Instant expires) {
    public Identity {
        roles = Set.copyOf(roles);
    }
}
