package org.splitmem.model;

import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * All hosts that take part, as a host is told of them; itself may be among them.
 *
 * @param peers by name, whatever the order they were given in
 */
public record PeerList(List<PeerAddress> peers) {
    /** More than one control API answers for. */
    public static final int MOST = 4096;

    public PeerList {
        Require.present("peers", peers);
        if (peers.size() > MOST) {
            throw new IllegalArgumentException("more than " + MOST + " peers: " + peers.size());
        }
        Set<String> names = new HashSet<>();
        for (PeerAddress peer : peers) {
            Require.present("one of peers", peer);
            if (!names.add(peer.name())) {
                throw new IllegalArgumentException("each name may stand once in a list of peers: " + peer);
            }
        }
        peers = peers.stream().sorted(Comparator.comparing(PeerAddress::name)).toList();
    }
}
