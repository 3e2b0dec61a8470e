package org.splitmem.model;

import java.util.List;

/**
 * What other hosts kept for a fenced host's VMs, and have freed.
 *
 * @param freed one for each VM and host
 * @param unreachable hosts that did not answer: what they keep they keep, until they are asked again
 */
public record FenceResult(List<Freed> freed, List<String> unreachable) {
    public FenceResult {
        freed = List.copyOf(Require.present("freed", freed));
        unreachable = List.copyOf(Require.present("unreachable", unreachable));
    }

    /**
     * One reservation.
     *
     * @param host that lent it
     * @param vm uuid of the VM
     */
    public record Freed(String host, String vm, long bytes) {
        public Freed {
            Require.text("host", host);
            Require.text("vm", vm);
            Require.notNegative("bytes", bytes);
        }
    }
}
