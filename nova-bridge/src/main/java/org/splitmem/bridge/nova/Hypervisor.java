package org.splitmem.bridge.nova;

import java.util.UUID;

/**
 * A hypervisor, which is a resource provider of Placement with the same uuid and name.
 *
 * @param name its hypervisor_hostname: libvirt's name of the host, and the provider's
 * @param host its compute service: {@code host} in nova.conf
 */
public record Hypervisor(UUID uuid, String name, String host) {}
