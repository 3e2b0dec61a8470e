package org.splitmem.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/**
 * What other hosts kept for a fenced host's VMs, and have freed.
 *
 * @param freed one for each VM and host
 * @param unreachable hosts that did not answer: what they keep they keep, until they are asked again
 * @param kept what is not freed, since its VM may have left the fenced host just before; absent, as of a host of an earlier version: nothing
 */
public record FenceResult(
        List<Freed> freed,
        List<String> unreachable,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Kept> kept) {
    public FenceResult {
        freed = List.copyOf(Require.present("freed", freed));
        unreachable = List.copyOf(Require.present("unreachable", unreachable));
        kept = kept == null ? List.of() : List.copyOf(kept);
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

    /**
     * A reservation that stays.
     *
     * @param host that lends it
     * @param vm uuid of the VM
     * @param next the host to which the VM may have migrated, and which does not say whether it has
     */
    public record Kept(String host, String vm, long bytes, String next) {
        public Kept {
            Require.text("host", host);
            Require.text("vm", vm);
            Require.notNegative("bytes", bytes);
            Require.text("next", next);
        }
    }
}
