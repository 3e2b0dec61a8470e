package org.splitmem.model;

import java.util.regex.Pattern;

/**
 * Where another host's splitmemd is.
 *
 * @param name the host's own
 * @param address on the migration network, without a port: IPv4, IPv6, or a name
 * @param controlPort of its control API
 */
public record PeerAddress(String name, String address, int controlPort) {
    private static final int LONGEST = 255;
    private static final Pattern NAME = Pattern.compile("[^\\s\\p{Cntrl}@,]+");
    private static final Pattern ADDRESS = Pattern.compile("[0-9A-Za-z._-]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*");

    public PeerAddress {
        Require.text("name", name);
        if (name.length() > LONGEST || !NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("not the name of a host: " + name);
        }
        Require.text("address of " + name, address);
        if (address.length() > LONGEST || !ADDRESS.matcher(address).matches()) {
            throw new IllegalArgumentException("not the address of a host, without a port: " + name + "@" + address);
        }
        if (controlPort < 1 || controlPort > 65_535) {
            throw new IllegalArgumentException(
                    "the port has to be from 1 to 65535: " + name + "@" + address + ":" + controlPort);
        }
    }

    @Override
    public String toString() {
        return name + "@" + (address.contains(":") ? "[" + address + "]" : address) + ":" + controlPort;
    }
}
