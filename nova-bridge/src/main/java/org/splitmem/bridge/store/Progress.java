package org.splitmem.bridge.store;

import org.jspecify.annotations.Nullable;

/**
 * What the source's daemon last told of a migration.
 *
 * @param phase the daemon's
 * @param downtimeMs how long the vCPUs stood still; absent until they run again
 * @param hypervisorMayStart whether this is the time to start the hypervisor's migration; absent in what an earlier bridge has written
 */
public record Progress(
        String phase,
        long totalBytes,
        long processedBytes,
        long remainingBytes,
        long rateBytesPerSecond,
        @Nullable Long etaSeconds,
        @Nullable Double downtimeMs,
        @Nullable Boolean hypervisorMayStart) {
    public static final Progress NONE = new Progress("PLANNED", 0, 0, 0, 0, null, null, false);
}
