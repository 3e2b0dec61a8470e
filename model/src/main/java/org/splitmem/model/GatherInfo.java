package org.splitmem.model;

import org.jspecify.annotations.Nullable;

/**
 * How far a split VM is gathered on its main host.
 *
 * @param bytesRemaining of pages that are still to come
 * @param rateBytesPerSecond of late; 0 also while nothing is known yet
 * @param etaSeconds until all are here, at this rate; absent while nothing comes
 * @param bandwidthBytesPerSecond the limit that was asked for; absent: none
 * @param trouble a sub-host from which nothing comes at present, and why; absent if all is well
 */
public record GatherInfo(
        long bytesRemaining,
        long rateBytesPerSecond,
        @Nullable Long etaSeconds,
        @Nullable Long bandwidthBytesPerSecond,
        @Nullable String trouble) {
    public GatherInfo {
        Require.notNegative("bytesRemaining", bytesRemaining);
        Require.notNegative("rateBytesPerSecond", rateBytesPerSecond);
        if (etaSeconds != null) {
            Require.notNegative("etaSeconds", etaSeconds);
        }
        if (bandwidthBytesPerSecond != null) {
            Require.notNegative("bandwidthBytesPerSecond", bandwidthBytesPerSecond);
        }
    }
}
