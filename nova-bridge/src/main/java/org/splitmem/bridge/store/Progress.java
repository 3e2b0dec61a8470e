package org.splitmem.bridge.store;

import org.jspecify.annotations.Nullable;

/**
 * What the source's daemon last told of a migration.
 *
 * @param phase the daemon's
 * @param downtimeMs how long the vCPUs stood still; absent until they run again
 */
public record Progress(
        String phase,
        long totalBytes,
        long processedBytes,
        long remainingBytes,
        long rateBytesPerSecond,
        @Nullable Long etaSeconds,
        @Nullable Double downtimeMs) {
    public static final Progress NONE = new Progress("PLANNED", 0, 0, 0, 0, null, null);
}
