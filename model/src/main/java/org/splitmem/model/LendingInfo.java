package org.splitmem.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a host lends, and how far it is with what it is to lend no more.
 *
 * @param host its name
 * @param limitBytes the most that may be reserved: the limit in force
 * @param configuredBytes that of its configuration
 * @param setBytes what was set at run time, which counts more; absent if nothing was
 * @param lentBytes reserved
 * @param heldBytes of it, holding pages
 * @param leavingBytes of pages that are to leave and are still there
 * @param rateBytesPerSecond at which they do, of late; 0 also while nothing is known yet
 * @param etaSeconds until all have, at this rate; absent while nothing moves
 * @param leaving the VMs whose pages are to leave
 */
public record LendingInfo(
        String host,
        LendingState state,
        long limitBytes,
        long configuredBytes,
        @Nullable Long setBytes,
        long lentBytes,
        long heldBytes,
        long leavingBytes,
        long rateBytesPerSecond,
        @Nullable Long etaSeconds,
        List<LeavingVm> leaving) {
    public LendingInfo {
        Require.text("host", host);
        Require.present("state", state);
        Require.notNegative("limitBytes", limitBytes);
        Require.notNegative("configuredBytes", configuredBytes);
        Require.notNegative("lentBytes", lentBytes);
        Require.notNegative("heldBytes", heldBytes);
        Require.notNegative("leavingBytes", leavingBytes);
        Require.notNegative("rateBytesPerSecond", rateBytesPerSecond);
        leaving = List.copyOf(Require.present("leaving", leaving));
    }
}
