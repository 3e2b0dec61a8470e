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
 * @param reason why: placed, planned, completed, undone, released, moving, moved, reconciled; of a refusal its code; of a failure reconciliation
 * @param explanation how the plan was chosen, a sentence each, or why there is none; of a failure, and of a booking that is short, why
 * @param requestId of the request that it was done for, Nova's if it sent one; it is in all logs. Absent outside of any
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
        @Nullable List<String> explanation,
        @Nullable String requestId) {
    /** A plan was chosen. */
    public static final String PLANNED = Topic.PLACEMENT.type("planned");
    /** The consumer holds something where there was nothing. */
    public static final String BOOKED = Topic.PLACEMENT.type("booked");
    /** It holds something else than before. */
    public static final String CHANGED = Topic.PLACEMENT.type("changed");
    /** It holds nothing any more. */
    public static final String RELEASED = Topic.PLACEMENT.type("released");
    /** There was no plan as asked, or it was not allowed; nothing has changed. */
    public static final String REFUSED = Topic.PLACEMENT.type("refused");
    /** What is booked is wrong, and could not be set right; it is tried again. */
    public static final String FAILED = Topic.PLACEMENT.type("failed");

    /** It holds less than the VM has on its hosts: its booking was deleted, and others have booked the room. */
    public static final String SHORT = Topic.PLACEMENT.type("short");

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
     * @param type one of those above
     * @param occasion what makes the id unique for this instance: for a plan the migration's id; otherwise the moment, since
     *     Placement counts generations anew when a consumer that was released books again
     */
    public Event event(String type, String occasion, Instant time) {
        boolean numbered = type.equals(BOOKED) || type.equals(CHANGED);
        if (numbered && generation == null) {
            throw new IllegalArgumentException(type + " needs the consumer's generation");
        }
        String kind = type.substring(Topic.PLACEMENT.type("").length());
        // A booking and a change are the same step of the consumer, whoever calls it what.
        String id = numbered
                ? consumer + "/generation/" + generation + "/" + occasion
                : consumer + "/" + kind + "/" + occasion;
        return Event.of(id, type, SOURCE, time, instanceUuid, this);
    }
}
