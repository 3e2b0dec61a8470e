package org.splitmem.events;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.VmState;

/**
 * Data of the topic {@link Topic#PAGING}: one VM, one interval. Counts are of the interval, in pages of 4096 bytes; sizes are as at its
 * end.
 *
 * @param host that the VM runs on
 * @param epoch of ownership, one more with each migration
 * @param fromMs start of the interval, since 1970
 * @param toMs its end
 * @param restarted true if the daemon began to count anew within the interval: counts are since then
 * @param refaults touches of pages that page-out had taken for cold
 * @param faultLatency of page-ins that the guest waited for
 * @param stalls of them, those that took more than 100 ms
 * @param remoteBytes on each sub-host, by name
 * @param workingSetBytes absent until there is an estimate
 * @param dropped samples of this VM before this one that were dropped for want of room, and told by no earlier event
 */
public record PagingEvent(
        String instanceUuid,
        String name,
        String host,
        VmState state,
        long epoch,
        long fromMs,
        long toMs,
        boolean restarted,
        long pageIns,
        long pageOuts,
        long zeroFills,
        long minorFaults,
        long readAheadPages,
        long refaults,
        LatencyHistogram faultLatency,
        long stalls,
        long ramBytes,
        long budgetBytes,
        long residentBytes,
        long zeroBytes,
        Map<String, Long> remoteBytes,
        @Nullable Long workingSetBytes,
        long dropped) {
    /** The only type of its topic. */
    public static final String SAMPLE = Topic.PAGING.type("sample");

    public PagingEvent {
        remoteBytes = Map.copyOf(remoteBytes);
    }
}
