package org.splitmem.model;

import java.util.List;

/**
 * Asks for a host to be emptied of all that it keeps for VMs of other hosts.
 *
 * @param to hosts that may take the pages, and how much at most of all VMs together; none: those of the last request while it is in force,
 *     else only the other sub-hosts of each VM
 */
public record DrainRequest(List<SubHostShare> to) {
    public DrainRequest {
        to = Require.eachHostOnce("to", to);
    }
}
