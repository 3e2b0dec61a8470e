package org.splitmem.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Asks a VM's host to keep only a part of it there, and the rest on sub-hosts.
 *
 * @param name libvirt's name of the VM; may be left out for one that runs
 * @param ramBytes all of its RAM; may be left out for one that runs, else it has to be true
 * @param budgetBytes how much of it may be resident on its host
 * @param subHosts the hosts that keep the rest
 */
public record SplitRequest(
        @Nullable String name, @Nullable Long ramBytes, long budgetBytes, List<SubHostShare> subHosts) {
    public SplitRequest {
        if (name != null) {
            Require.text("name", name);
        }
        if (ramBytes != null) {
            Require.size("ramBytes", ramBytes);
        }
        Require.size("budgetBytes", budgetBytes);
        subHosts = Require.eachHostOnce("subHosts", subHosts);
    }
}
