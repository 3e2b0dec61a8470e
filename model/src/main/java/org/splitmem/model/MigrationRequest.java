package org.splitmem.model;

import java.util.List;
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
 * @param id uuid that the migration is to have, so that its caller and the host call it the same; one that the host knows already is
 *     not begun again. Absent: the host makes one
 * @param novaMigrationUuid uuid of Nova's own record of the migration, to be shown with it; absent if there is none
 */
public record MigrationRequest(
        String destination,
        @Nullable Long budgetBytes,
        List<SubHostShare> subHosts,
        @Nullable Integer streams,
        @Nullable Long bandwidthBytesPerSecond,
        @Nullable Handover handover,
        @Nullable String id,
        @Nullable String novaMigrationUuid) {
    public static final int MAX_STREAMS = 64;

    private static final String UUID_FORM = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

    /** With an id that the host makes. */
    public MigrationRequest(
            String destination,
            @Nullable Long budgetBytes,
            List<SubHostShare> subHosts,
            @Nullable Integer streams,
            @Nullable Long bandwidthBytesPerSecond,
            @Nullable Handover handover) {
        this(destination, budgetBytes, subHosts, streams, bandwidthBytesPerSecond, handover, null, null);
    }

    public MigrationRequest {
        Require.text("destination", destination);
        if (budgetBytes != null) {
            Require.size("budgetBytes", budgetBytes);
        }
        subHosts = Require.eachHostOnce("subHosts", subHosts);
        for (SubHostShare share : subHosts) {
            if (share.host().equals(destination)) {
                throw new IllegalArgumentException("subHosts: " + destination + " is named twice in the plan");
            }
        }
        if (streams != null && (streams < 1 || streams > MAX_STREAMS)) {
            throw new IllegalArgumentException("streams must be 1-" + MAX_STREAMS + ": " + streams);
        }
        if (bandwidthBytesPerSecond != null) {
            Require.positive("bandwidthBytesPerSecond", bandwidthBytesPerSecond);
        }
        requireUuid("id", id);
        requireUuid("novaMigrationUuid", novaMigrationUuid);
    }

    private static void requireUuid(String field, @Nullable String value) {
        if (value != null && !value.matches(UUID_FORM)) {
            throw new IllegalArgumentException(field + " must be a uuid: " + value);
        }
    }
}
