package org.splitmem.memory.migration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.record.RecordFile;
import org.splitmem.model.PeerAddress;
import org.splitmem.model.PeerList;

/**
 * Which other hosts there are: those of splitmem.conf, which count, and those that nova-bridge told of. What was told is in a
 * file, for a daemon that starts while no bridge is there. Any thread.
 */
public final class PeerDirectory {
    private static final Logger log = LoggerFactory.getLogger(PeerDirectory.class);

    private final PeerAddress self;
    private final List<PeerAddress> configured;
    private final Path file;
    private volatile State state;

    /** Changed as a whole. */
    private record State(PeerList told, Map<String, PeerAddress> peers) {}

    /**
     * Reads what an earlier daemon was told; a damaged file is as good as none, since the bridge tells again.
     *
     * @param self where this host is, which is none of the peers
     */
    public PeerDirectory(PeerAddress self, List<PeerAddress> configured, Path file) {
        this.self = self;
        this.configured = List.copyOf(configured);
        this.file = file;
        this.state = state(load());
    }

    private PeerList load() {
        try {
            if (Files.exists(file)) {
                return RecordFile.load(file, PeerList.class);
            }
        } catch (IOException e) {
            log.warn(
                    "only the peers of splitmem.conf are known until nova-bridge tells the others: {}", e.getMessage());
        }
        return new PeerList(List.of());
    }

    private State state(PeerList told) {
        Map<String, PeerAddress> peers = new TreeMap<>();
        told.peers().forEach(peer -> peers.put(peer.name(), peer));
        configured.forEach(peer -> peers.put(peer.name(), peer));
        peers.remove(self.name());
        return new State(told, Collections.unmodifiableMap(peers));
    }

    /** From now on these are the hosts, beside those of splitmem.conf. */
    public synchronized void tell(PeerList told) {
        PeerList before = state.told();
        if (told.equals(before)) {
            return;
        }
        state = state(told);
        log.info(
                "nova-bridge tells of other peers: new {}, gone {}",
                difference(told, before),
                difference(before, told));
        try {
            RecordFile.saveDurably(file, told);
        } catch (IOException e) {
            log.error("{} cannot be written, the next splitmemd will not know these peers: {}", file, e.toString());
        }
    }

    private static String difference(PeerList of, PeerList without) {
        Set<PeerAddress> others = new HashSet<>(without.peers());
        return of.peers().stream()
                .filter(peer -> !others.contains(peer))
                .map(PeerAddress::toString)
                .collect(Collectors.joining(", ", "[", "]"));
    }

    /** All that nova-bridge told last, this host too. */
    public PeerList told() {
        return state.told();
    }

    /** By name. */
    public Collection<PeerAddress> all() {
        return state.peers().values();
    }

    /**
     * A peer, or this host: a VM may move to a host that keeps pages of it, which is its own memory server until that is empty.
     *
     * @throws IOException saying what can be done if it is not known
     */
    public PeerAddress find(String name) throws IOException {
        if (name.equals(self.name())) {
            return self;
        }
        Map<String, PeerAddress> peers = state.peers();
        PeerAddress peer = peers.get(name);
        if (peer == null) {
            throw new IOException(
                    "host " + name + " is neither among the peers of splitmem.conf nor told of by nova-bridge"
                            + " (known: " + String.join(", ", peers.keySet())
                            + "); add it to peers, or, under Nova, see that its nova-compute registers it: GET /v1/hosts of nova-bridge");
        }
        return peer;
    }
}
