package org.splitmem.model;

import org.jspecify.annotations.Nullable;

/**
 * Where other hosts and nova-bridge reach a host.
 *
 * @param name as its peers know it
 * @param address on the migration network; absent: it serves itself alone
 * @param controlPort of its control API
 * @param dataPort of page data
 */
public record ControlAddress(String name, @Nullable String address, int controlPort, int dataPort) {
    public ControlAddress {
        Require.text("name", name);
        Require.positive("controlPort", controlPort);
        Require.positive("dataPort", dataPort);
    }
}
