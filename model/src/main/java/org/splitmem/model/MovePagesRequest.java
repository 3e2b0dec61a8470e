package org.splitmem.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Asks for a sub-host of a split VM to be emptied: its pages go to other sub-hosts, and it is none of this VM any more.
 *
 * @param from the sub-host
 * @param to the hosts that take the pages, and how much at most; none: the VM's other sub-hosts, as far as they have room
 * @param bandwidthBytesPerSecond limit of all connections together; absent: none
 */
public record MovePagesRequest(
        String from, List<SubHostShare> to, @Nullable Long bandwidthBytesPerSecond) {
    public MovePagesRequest {
        Require.text("from", from);
        to = Require.eachHostOnce("to", to);
        for (SubHostShare share : to) {
            if (share.host().equals(from)) {
                throw new IllegalArgumentException("to: " + from + " is the host to be emptied");
            }
        }
        if (bandwidthBytesPerSecond != null) {
            Require.positive("bandwidthBytesPerSecond", bandwidthBytesPerSecond);
        }
    }
}
