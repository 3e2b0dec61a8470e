package org.splitmem.model;

import org.jspecify.annotations.Nullable;

/**
 * A host, as it describes itself.
 *
 * @param name as its peers know it
 * @param version of its daemon
 * @param protocol version of the page protocol it speaks; hosts of different ones do not exchange memory
 * @param kernel release of its kernel
 * @param lendLimitBytes how much memory it may lend to VMs of other hosts
 * @param lentBytes of it, reserved by plans or holding pages
 * @param heldBytes of it, holding pages
 * @param freeBytes what may still be lent: within the limit, and really free
 * @param vms that it runs or that are on their way to it
 * @param failureDomain hosts of the same one are likely to fail together; absent: it is one by itself
 * @param linkBytesPerSecond speed of its migration network; absent: not known
 * @param loadPercent runnable processes per CPU in the last minute, times 100; absent: not known
 * @param draining true while it lends nothing new, as it is drained; absent: it is not
 */
public record HostInfo(
        String name,
        String version,
        int protocol,
        String kernel,
        long lendLimitBytes,
        long lentBytes,
        long heldBytes,
        long freeBytes,
        int vms,
        @Nullable String failureDomain,
        @Nullable Long linkBytesPerSecond,
        @Nullable Integer loadPercent,
        @Nullable Boolean draining) {
    public HostInfo {
        Require.text("name", name);
        Require.text("version", version);
        Require.positive("protocol", protocol);
        Require.text("kernel", kernel);
        Require.notNegative("lendLimitBytes", lendLimitBytes);
        Require.notNegative("lentBytes", lentBytes);
        Require.notNegative("heldBytes", heldBytes);
        Require.notNegative("freeBytes", freeBytes);
        Require.notNegative("vms", vms);
        if (linkBytesPerSecond != null) {
            Require.positive("linkBytesPerSecond", linkBytesPerSecond);
        }
        if (loadPercent != null) {
            Require.notNegative("loadPercent", loadPercent);
        }
    }
}
