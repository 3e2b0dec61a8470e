package org.splitmem.bridge.daemon;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Hosts that stay where they are. */
public record FixedDirectory(List<HostAddress> hosts) implements Directory {
    public FixedDirectory {
        hosts = hosts.stream().sorted(Comparator.comparing(HostAddress::name)).toList();
    }

    @Override
    public Optional<HostAddress> find(String name) {
        return hosts.stream().filter(host -> host.name().equals(name)).findFirst();
    }
}
