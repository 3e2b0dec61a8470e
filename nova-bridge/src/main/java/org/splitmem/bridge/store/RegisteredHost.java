package org.splitmem.bridge.store;

/**
 * A compute host with a splitmemd.
 *
 * @param name of Nova's compute service, and of splitmemd
 * @param hypervisor its hypervisor_hostname, which is the name of its resource provider
 * @param address of its control API and of page data, without a port
 */
public record RegisteredHost(String name, String hypervisor, String address, int controlPort, int dataPort) {}
