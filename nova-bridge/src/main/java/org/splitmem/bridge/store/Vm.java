package org.splitmem.bridge.store;

import java.util.Map;
import java.util.UUID;

/**
 * A VM of a flavor that may be split.
 *
 * @param name libvirt's
 * @param host that runs it, or is about to
 * @param mainMb of its RAM, what Nova claims on the host
 */
public record Vm(UUID instance, String name, String host, long ramMb, long mainMb, String projectId, String userId) {
    public Vm on(String other) {
        return new Vm(instance, name, other, ramMb, mainMb, projectId, userId);
    }

    /** What is booked by us. */
    public long remainderMb() {
        return ramMb - mainMb;
    }

    /** What we book for it while it is whole. */
    public Map<String, Long> wholeBooking() {
        return remainderMb() == 0 ? Map.of() : Map.of(host, remainderMb());
    }
}
