package org.splitmem.bridge.placement;

import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a consumer has claimed.
 *
 * @param memoryMb by provider
 * @param generation to be given back with a change; absent if the consumer does not exist
 * @param projectId absent if the consumer does not exist
 * @param userId absent if the consumer does not exist
 * @param type of the consumer; absent if it does not exist
 */
public record Claims(
        Map<UUID, Long> memoryMb,
        @Nullable Long generation,
        @Nullable String projectId,
        @Nullable String userId,
        @Nullable String type) {
    public static final Claims NONE = new Claims(Map.of(), null, null, null, null);

    public Claims {
        memoryMb = Map.copyOf(new TreeMap<>(memoryMb));
    }
}
