package org.splitmem.cli.bridge;

import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Asks where a VM's memory would go.
 *
 * @param instanceUuid absent: a VM that is not there yet
 * @param source absent: the VM would start on the destination
 * @param mainMb of its RAM, what stays on the destination if it is split
 */
public record PlanRequest(
        @Nullable UUID instanceUuid,
        @Nullable String source,
        String destination,
        long ramMb,
        long mainMb,
        Map<String, String> extraSpecs) {}
