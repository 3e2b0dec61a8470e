package org.splitmem.model;

import org.jspecify.annotations.Nullable;

/**
 * How far a sub-host of a split VM is emptied: its pages go to other sub-hosts.
 *
 * @param from the sub-host that is emptied
 * @param bytesRemaining of pages that it still keeps
 * @param rateBytesPerSecond of late; 0 also while nothing is known yet
 * @param etaSeconds until it keeps none, at this rate; absent while nothing moves
 * @param bandwidthBytesPerSecond the limit that was asked for; absent: none
 * @param trouble why nothing, or not all, moves at present; absent if all is well
 */
public record MoveInfo(
        String from,
        long bytesRemaining,
        long rateBytesPerSecond,
        @Nullable Long etaSeconds,
        @Nullable Long bandwidthBytesPerSecond,
        @Nullable String trouble) {
    public MoveInfo {
        Require.text("from", from);
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
