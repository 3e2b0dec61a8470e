package org.splitmem.events;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Data of the topic {@link Topic#PLACEMENT}: where a VM's memory is booked, besides the main share that Nova claims itself.
 *
 * @param instanceUuid the VM
 * @param name libvirt's or Nova's name of the VM; absent if it is not known
 * @param consumer uuid of our consumer in Placement
 * @param generation of the consumer after the change; absent of a plan, which changes nothing, and of a release, which ends it
 * @param migrationId the bridge's migration that this belongs to; absent outside of one
 * @param host on which the VM runs, or to run
 * @param mode how the VM is to live there
 * @param ramMb the VM's RAM
 * @param mainMb of it, what Nova claims
 * @param allocations all that the consumer holds; of a plan, what it is to hold; none after a release
 * @param projectId the instance's
 * @param userId the instance's
 * @param reason why: cold-start, migration, finished, aborted, expired, reconciled, deleted, ...
 * @param explanation how the plan was chosen, a sentence each; only of a plan
 */
public record PlacementEvent(
        String instanceUuid,
        @Nullable String name,
        String consumer,
        @Nullable Integer generation,
        @Nullable String migrationId,
        @Nullable String host,
        @Nullable Mode mode,
        @Nullable Long ramMb,
        @Nullable Long mainMb,
        List<Allocation> allocations,
        @Nullable String projectId,
        @Nullable String userId,
        String reason,
        @Nullable List<String> explanation) {
    /** A plan was chosen. */
    public static final String PLANNED = Topic.PLACEMENT.type("planned");
    /** The consumer holds something where there was nothing. */
    public static final String BOOKED = Topic.PLACEMENT.type("booked");
    /** It holds something else than before. */
    public static final String CHANGED = Topic.PLACEMENT.type("changed");
    /** It holds nothing any more. */
    public static final String RELEASED = Topic.PLACEMENT.type("released");

    /** Who knows it at first hand. */
    public static final String SOURCE = "/splitmem/placement";

    /** How a VM lives on a host. */
    public enum Mode {
        WHOLE,
        SPLIT
    }

    /** MEMORY_MB on one host. */
    public record Allocation(String host, long mb) {
        public Allocation {
            if (host == null || host.isBlank() || mb < 1) {
                throw new IllegalArgumentException("an allocation of " + mb + " MB on '" + host + "'");
            }
        }
    }

    public PlacementEvent {
        allocations = List.copyOf(allocations);
        explanation = explanation == null ? null : List.copyOf(explanation);
    }

    /**
     * The event that tells it.
     *
     * @param type one of the four
     * @param occasion what makes the id unique for this instance: for a plan the migration's id, for a release the generation that
     *     the consumer had last; for a booking and a change the new generation serves, and this is not looked at
     */
    public Event event(String type, String occasion, Instant time) {
        boolean numbered = type.equals(BOOKED) || type.equals(CHANGED);
        if (numbered && generation == null) {
            throw new IllegalArgumentException(type + " needs the consumer's generation");
        }
        String kind = type.substring(Topic.PLACEMENT.type("").length());
        // A booking and a change are the same step of the consumer, whoever calls it what.
        String id = numbered ? consumer + "/generation/" + generation : consumer + "/" + kind + "/" + occasion;
        return Event.of(id, type, SOURCE, time, instanceUuid, this);
    }
}
