package org.splitmem.hooks.domain;

import java.util.ArrayList;
import java.util.List;
import org.w3c.dom.Element;

/**
 * Says before anything moves why a domain cannot be split.
 *
 * <p>An obstacle is one of these: somebody reaches guest RAM past QEMU's mapping (then a page that was sent away would still be
 * read or written where it was), or writes it unseen by dirty tracking; RAM that may not go away, or is not the daemon's; or
 * something that makes the live migration fail at its end, after terabytes were copied. What {@link SplitReady#make} can put
 * right is not an obstacle.
 */
public final class SplitReadiness {
    private SplitReadiness() {}

    /** Every reason against splitting this domain, in the order: type, memory, devices, QEMU's arguments. Empty: none. */
    public static List<Obstacle> obstacles(DomainXml domain) {
        var found = new ArrayList<Obstacle>();
        inspectType(domain.root(), found);
        new MemoryRules(domain).inspect(found);
        for (Element devices : Elements.children(domain.root(), "devices")) {
            for (Element device : Elements.children(devices)) {
                DeviceRules.inspect(device, found);
            }
        }
        new CommandLineRules(domain.root()).inspect(found);
        return List.copyOf(found);
    }

    /** What the operator should know about a domain that can be split. */
    public static List<Warning> warnings(DomainXml domain) {
        var found = new ArrayList<Warning>();
        MemoryRules.warn(domain.root(), found);
        return List.copyOf(found);
    }

    private static void inspectType(Element domain, List<Obstacle> found) {
        String type = domain.getAttribute("type");
        if (!type.equals("kvm") && !type.equals("qemu")) {
            found.add(new Obstacle(
                    "@type",
                    "'" + type + "' is not QEMU; the shim knows how QEMU allocates guest RAM, and nothing else",
                    "use the type kvm or qemu"));
        }
    }
}
