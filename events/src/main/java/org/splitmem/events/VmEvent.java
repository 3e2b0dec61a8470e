package org.splitmem.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Data of the topic {@link Topic#VM}: what was found to have changed of a VM's memory. Sizes are bytes.
 *
 * @param host that runs the VM
 * @param budgetBytes how much of its RAM may be resident there, now
 * @param beforeBytes the budget before; only of {@link #BUDGET}
 * @param remoteBytes on sub-hosts; of an event of one sub-host, on that one
 * @param subHost only of the events of one sub-host, as {@link #SUB_HOST_LOST}
 * @param lostPages faults so far on pages that cannot be had; only of {@link #PAGES_LOST}
 * @param obstacle the device, and why; only of {@link #OBSTACLE}
 * @param beforeHost its main host before; only of {@link #MOVED}
 * @param draining whether the sub-host lends nothing any more, as it is drained; only of {@link #SUB_HOST_EMPTYING}
 */
public record VmEvent(
        String instanceUuid,
        String name,
        String host,
        long ramBytes,
        long budgetBytes,
        @Nullable Long beforeBytes,
        long remoteBytes,
        @Nullable String subHost,
        @Nullable Long lostPages,
        @Nullable String obstacle,
        @Nullable String beforeHost,
        @Nullable Boolean draining) {
    /** A whole VM has pages on sub-hosts from now on. */
    public static final String SPLIT = Topic.VM.type("split");
    /** A split VM is whole again. */
    public static final String GATHERED = Topic.VM.type("gathered");
    /** A split VM's main host is another, and with it the owner of what its sub-hosts keep. */
    public static final String MOVED = Topic.VM.type("moved");
    /** What sub-hosts keep of a VM comes back to its main host from now on; {@link #GATHERED} follows if that is all of it. */
    public static final String GATHERING = Topic.VM.type("gathering");
    /** A VM's budget is another. */
    public static final String BUDGET = Topic.VM.type("budget");
    /** A host that keeps pages of the VM does not answer: what it keeps cannot be had now. */
    public static final String SUB_HOST_LOST = Topic.VM.type("sub-host-lost");
    /** It answers again. */
    public static final String SUB_HOST_BACK = Topic.VM.type("sub-host-back");
    /** The pages that a sub-host keeps of the VM go to others from now on. */
    public static final String SUB_HOST_EMPTYING = Topic.VM.type("sub-host-emptying");
    /** A sub-host keeps nothing of the VM any more; also if it was emptied so fast that {@link #SUB_HOST_EMPTYING} was not told. */
    public static final String SUB_HOST_EMPTIED = Topic.VM.type("sub-host-emptied");
    /** A sub-host that was emptied is emptied no more, and keeps the rest. */
    public static final String SUB_HOST_KEPT = Topic.VM.type("sub-host-kept");
    /** The guest touched pages that cannot be had, and is frozen on them. */
    public static final String PAGES_LOST = Topic.VM.type("pages-lost");
    /** A split VM got a device that forbids a split: nothing of it is sent out any more, and it becomes whole if its host has room. */
    public static final String OBSTACLE = Topic.VM.type("obstacle");

    /**
     * The event that tells it.
     *
     * @param type one of those above
     * @param occasion what makes the id unique for this VM and type
     */
    public Event event(String type, String occasion, Instant time) {
        String id = instanceUuid + "/" + type.substring(Topic.VM.type("").length()) + "/" + occasion;
        return Event.of(id, type, Event.sourceOfHost(host), time, instanceUuid, this);
    }
}
