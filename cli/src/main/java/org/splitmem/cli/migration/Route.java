package org.splitmem.cli.migration;

import org.splitmem.model.HostStatus;

/**
 * Where libvirt is sent.
 *
 * @param host the destination's name
 * @param libvirtUri of the libvirt daemon at the destination, as the one here reaches it
 * @param migrateUri on which address QEMU there listens for the state of the devices
 */
public record Route(String host, String libvirtUri, String migrateUri) {
    public static final String DEFAULT_LIBVIRT_URI = "qemu+tcp://{host}/system";

    /**
     * The route to a host.
     *
     * @param template in which {@code {host}} stands for the host's address and {@code {name}} for its name
     */
    public static Route to(HostStatus host, String template) {
        String address = withoutPort(host.address());
        return new Route(
                host.name(), template.replace("{host}", address).replace("{name}", host.name()), "tcp://" + address);
    }

    /** {@code 10.78.0.2:7779} and {@code [fd00::2]:7779} lose the port; an IPv6 address gets the brackets that URIs want. */
    static String withoutPort(String address) {
        if (address.startsWith("[")) {
            return address.substring(0, address.indexOf(']') + 1);
        }
        int colon = address.indexOf(':');
        if (colon < 0) {
            return address;
        }
        return colon == address.lastIndexOf(':') ? address.substring(0, colon) : "[" + address + "]";
    }
}
