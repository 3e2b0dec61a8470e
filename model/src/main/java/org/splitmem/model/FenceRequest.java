package org.splitmem.model;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * States that a host is fenced: what it ran is dead, and cannot come back to life.
 *
 * @param host its name
 * @param vm of its VMs, the only one that is meant; absent: all
 */
public record FenceRequest(String host, @Nullable UUID vm) {
    public FenceRequest {
        Require.text("host", host);
    }
}
