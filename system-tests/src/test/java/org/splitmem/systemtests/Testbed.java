package org.splitmem.systemtests;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** The cluster and the guests on it. */
final class Testbed implements AutoCloseable {
    private final Cluster cluster;
    private final Leftovers leftovers;
    private final List<Guest> guests = new ArrayList<>();
    private final List<Guest> shared = new ArrayList<>();
    private boolean stale;

    Testbed(Cluster cluster) {
        this.cluster = cluster;
        this.leftovers = new Leftovers(cluster);
        cluster.up();
        if (!leftovers.find(guests).isEmpty()) { // of a run that was killed
            cluster.down();
            cluster.up();
        }
    }

    Cluster cluster() {
        return cluster;
    }

    Cli cli(String host) {
        return cluster.cli(host);
    }

    /** A guest for this test alone, ready. */
    Guest boot(Guest.Spec spec, String host) {
        return start(spec, host).awaitReady();
    }

    Guest start(Guest.Spec spec, String host) {
        return start(spec, host, guest -> {});
    }

    /** @param before told of it before it starts */
    Guest start(Guest.Spec spec, String host, Consumer<Guest> before) {
        Guest guest = Guest.start(cluster, spec, host, before);
        guests.add(guest);
        return guest;
    }

    /** A guest that lives on for the class's next tests; booted if it is not there (any more). */
    Guest shared(Guest.Spec spec, String host) {
        Optional<Guest> there =
                shared.stream().filter(g -> g.spec().equals(spec)).findFirst();
        if (there.isPresent()) {
            return there.get();
        }
        Guest guest = Guest.start(cluster, spec, host);
        shared.add(guest);
        return guest.awaitReady();
    }

    // ---- between tests

    /** After an earlier test failed, nothing on the cluster is trusted. */
    void freshen() {
        if (stale) {
            cluster.down();
            cluster.up();
            stale = false;
        }
    }

    void distrust() {
        stale = true;
        guests.clear();
        shared.clear();
    }

    void awaitNothingLeft() {
        cluster.repair();
        guests.forEach(Guest::destroy);
        guests.clear();
        leftovers.awaitNone(shared);
    }

    /** Only the guests that are named may be there. Reservations for anything else must be gone. */
    void requireNothingElse(Guest... allowed) {
        leftovers.awaitNone(List.of(allowed));
    }

    void endShared() {
        shared.forEach(Guest::destroy);
        shared.clear();
        if (!stale) {
            leftovers.awaitNone(shared);
        }
    }

    @Override
    public void close() {
        cluster.down();
    }
}
