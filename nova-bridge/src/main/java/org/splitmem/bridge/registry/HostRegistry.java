package org.splitmem.bridge.registry;

import java.net.InetAddress;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.daemon.Directory;
import org.splitmem.bridge.daemon.HostAddress;
import org.splitmem.bridge.gate.AddressRange;
import org.splitmem.bridge.placement.ComputeHosts;
import org.splitmem.bridge.store.HostStore;
import org.splitmem.bridge.store.RegisteredHost;
import org.splitmem.bridge.store.StoreException;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.PeerList;

/** The hosts that have registered, and those of the configuration, whose addresses count. Any thread. */
public final class HostRegistry implements Directory, ComputeHosts {
    private static final Logger log = LoggerFactory.getLogger(HostRegistry.class);

    private final Map<String, HostAddress> configured = new TreeMap<>();
    private final List<AddressRange> networks;
    private final HostStore store;
    private final Clock clock;
    private volatile Snapshot last = new Snapshot(List.of(), Map.of(), Map.of());

    /** @param registered by name, as is addresses; byProvider: names of hosts */
    private record Snapshot(
            List<HostStore.Entry> registered, Map<String, HostAddress> addresses, Map<String, String> byProvider) {}

    /**
     * Reads nothing yet.
     *
     * @param configured hosts that cannot register, or are to be reached elsewhere than they say
     * @param networks in which an address may be registered; empty: in any
     */
    public HostRegistry(List<HostAddress> configured, List<AddressRange> networks, HostStore store, Clock clock) {
        configured.forEach(host -> this.configured.put(host.name(), host));
        this.networks = List.copyOf(networks);
        this.store = store;
        this.clock = clock;
    }

    /**
     * From now on the host is at that address, for every bridge.
     *
     * @return whether that is a change
     * @throws IllegalArgumentException if no host may be at that address
     */
    public boolean register(RegisteredHost host) {
        requireAllowed(host.address());
        boolean changed = store.put(host, clock.millis());
        if (changed) {
            log.info("host={} registered: {}", host.name(), host);
        }
        return changed;
    }

    /** The secret of the hosts is sent there, so no names, which a resolver may answer for as it likes. */
    private void requireAllowed(String text) {
        InetAddress address = AddressRange.address(text);
        if (address.isAnyLocalAddress() || address.isMulticastAddress()) {
            throw new IllegalArgumentException("no host can be at " + text);
        }
        if (!networks.isEmpty() && networks.stream().noneMatch(network -> network.contains(address))) {
            throw new IllegalArgumentException(text + " is in none of hosts.networks of nova-bridge.conf");
        }
    }

    /** @return false if it was not registered */
    public boolean forget(String name) {
        boolean known = store.delete(name);
        if (known) {
            log.info("host={} is not registered any more", name);
        }
        return known;
    }

    /** By name. */
    public List<HostStore.Entry> registered() {
        return read().registered();
    }

    /**
     * Where the hosts reach each other: where they say, and of those that have not registered, where the configuration says.
     *
     * @throws StoreException if the database does not answer: hosts are told of nothing that may be old
     */
    public PeerList peers() {
        List<HostStore.Entry> registered = store.all();
        last = snapshot(registered);
        Map<String, HostAddress> hosts = new TreeMap<>(configured);
        for (HostStore.Entry entry : registered) {
            hosts.put(entry.host().name(), address(entry.host()));
        }
        List<PeerAddress> peers = new ArrayList<>();
        for (HostAddress host : hosts.values()) {
            try {
                peers.add(new PeerAddress(host.name(), host.address(), host.port()));
            } catch (IllegalArgumentException e) {
                log.warn("host={} is no peer of the others: {}", host.name(), e.getMessage());
            }
        }
        return new PeerList(peers);
    }

    private static HostAddress address(RegisteredHost host) {
        return new HostAddress(host.name(), host.address(), host.controlPort());
    }

    @Override
    public List<HostAddress> hosts() {
        return new ArrayList<>(read().addresses().values());
    }

    /** Asked for each call of a daemon: only a host that was not known makes the database be asked. */
    @Override
    public Optional<HostAddress> find(String name) {
        HostAddress known = last.addresses().get(name);
        return Optional.ofNullable(known != null ? known : read().addresses().get(name));
    }

    @Override
    public Map<String, String> byProvider() {
        return read().byProvider();
    }

    private Snapshot read() {
        try {
            last = snapshot(store.all());
        } catch (StoreException e) {
            log.warn("the hosts are believed to be as they were: {}", e.getMessage());
        }
        return last;
    }

    private Snapshot snapshot(List<HostStore.Entry> registered) {
        Map<String, HostAddress> addresses = new TreeMap<>();
        Map<String, String> byProvider = new HashMap<>();
        for (HostStore.Entry entry : registered) {
            RegisteredHost host = entry.host();
            addresses.put(host.name(), address(host));
            byProvider.put(host.hypervisor(), host.name());
        }
        addresses.putAll(configured);
        return new Snapshot(registered, addresses, Map.copyOf(byProvider));
    }
}
