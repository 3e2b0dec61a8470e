package org.splitmem.model;

import java.util.List;

/**
 * Changes how much memory a host lends to VMs of other hosts.
 *
 * @param bytes the most that may be reserved by all VMs together; 0: nothing
 * @param to hosts that may take what is reserved above that, as in a {@link DrainRequest}
 */
public record LendRequest(long bytes, List<SubHostShare> to) {
    public LendRequest {
        if (bytes < 0 || bytes > DataSize.MOST_BYTES) {
            throw new IllegalArgumentException("bytes must be 0-" + DataSize.MOST_BYTES + ": " + bytes);
        }
        to = Require.eachHostOnce("to", to);
    }
}
