package org.splitmem.model;

import org.jspecify.annotations.Nullable;

/**
 * A host, as another one sees it.
 *
 * @param address where its control API is reached
 * @param info absent if it is not reachable
 * @param error why it is not reachable; absent if it is
 */
public record HostStatus(
        String name,
        String address,
        boolean reachable,
        @Nullable HostInfo info,
        @Nullable String error) {
    public HostStatus {
        Require.text("name", name);
        Require.text("address", address);
        if (reachable && info == null) {
            throw new IllegalArgumentException("info is missing of the reachable host " + name);
        }
    }
}
