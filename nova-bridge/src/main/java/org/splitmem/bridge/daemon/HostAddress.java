package org.splitmem.bridge.daemon;

/**
 * Where a host's splitmemd is.
 *
 * @param name of the host's compute service in Nova, and among splitmemd's peers
 * @param address without a port
 */
public record HostAddress(String name, String address, int port) {
    @Override
    public String toString() {
        return name + "@" + authority();
    }

    public String authority() {
        return (address.contains(":") ? "[" + address + "]" : address) + ":" + port; // IPv6
    }
}
