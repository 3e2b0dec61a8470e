package org.splitmem.model;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Asks a VM's host to migrate it.
 *
 * @param destination name of the new main host
 * @param budgetBytes how much of the VM's RAM may be resident there; absent: all of it
 * @param subHosts the hosts that keep the rest; none: everything goes to the destination
 * @param streams parallel connections to each destination, 1-64; absent: the source's default
 * @param bandwidthBytesPerSecond limit of all streams together; absent: the source's default
 * @param handover absent: hybrid
 */
public record MigrationRequest(
        String destination,
        @Nullable Long budgetBytes,
        List<SubHostShare> subHosts,
        @Nullable Integer streams,
        @Nullable Long bandwidthBytesPerSecond,
        @Nullable Handover handover) {
    public static final int MAX_STREAMS = 64;

    public MigrationRequest {
        Require.text("destination", destination);
        if (budgetBytes != null) {
            Require.positive("budgetBytes", budgetBytes);
        }
        // Absent in JSON means none.
        subHosts = subHosts == null ? List.of() : List.copyOf(subHosts);
        Set<String> seen = new HashSet<>();
        for (SubHostShare share : subHosts) {
            if (share.host().equals(destination) || !seen.add(share.host())) {
                throw new IllegalArgumentException("subHosts: " + share.host() + " is named twice in the plan");
            }
        }
        if (streams != null && (streams < 1 || streams > MAX_STREAMS)) {
            throw new IllegalArgumentException("streams must be 1-" + MAX_STREAMS + ": " + streams);
        }
        if (bandwidthBytesPerSecond != null) {
            Require.positive("bandwidthBytesPerSecond", bandwidthBytesPerSecond);
        }
    }
}
