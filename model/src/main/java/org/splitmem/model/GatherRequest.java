package org.splitmem.model;

import org.jspecify.annotations.Nullable;

/**
 * Asks for all of a split VM's RAM to come to its main host.
 *
 * @param bandwidthBytesPerSecond limit of all connections together; absent: none
 */
public record GatherRequest(@Nullable Long bandwidthBytesPerSecond) {
    public GatherRequest {
        if (bandwidthBytesPerSecond != null) {
            Require.positive("bandwidthBytesPerSecond", bandwidthBytesPerSecond);
        }
    }
}
