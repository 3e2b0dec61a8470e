package org.splitmem.model;

/**
 * A host, as it describes itself.
 *
 * @param name as in the peers of splitmem.conf
 * @param version of its daemon
 * @param protocol version of the page protocol it speaks; hosts of different ones do not exchange memory
 * @param kernel release of its kernel
 * @param lendLimitBytes how much memory it may lend to VMs of other hosts
 * @param lentBytes of it, reserved by plans or holding pages
 * @param heldBytes of it, holding pages
 * @param freeBytes what may still be lent: within the limit, and really free
 * @param vms that it runs or that are on their way to it
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
        int vms) {
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
    }
}
