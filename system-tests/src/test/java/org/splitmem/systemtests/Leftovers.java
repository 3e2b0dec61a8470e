package org.splitmem.systemtests;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.splitmem.model.HostStatus;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** Looks on all hosts for what must not be there: memory, reservations, processes, files, sockets. */
final class Leftovers {
    /** What a host that died cannot give back any more is found forsaken after 30 s. */
    private static final Duration LIMIT = Duration.ofSeconds(75);

    private final Cluster cluster;

    Leftovers(Cluster cluster) {
        this.cluster = cluster;
    }

    /**
     * Waits until nothing is left on any host but what belongs to these guests, which may be split.
     *
     * @throws AssertionError naming what is left
     */
    void awaitNone(Collection<Guest> guests) {
        Await.value("nothing is left behind", LIMIT, () -> find(guests), List::isEmpty);
    }

    /** What is there beside these guests, one line for each thing. */
    List<String> find(Collection<Guest> guests) {
        List<String> found = new ArrayList<>();
        List<VmInfo> infos = new ArrayList<>();
        for (Guest guest : guests) {
            if (guest.spec().splitReady()) {
                infos.add(guest.info());
            }
        }
        for (HostStatus host : cluster.control("h1").hosts()) {
            if (host.info() == null) {
                found.add(host.name() + " is not reachable: " + host.error());
            } else {
                findLent(host, infos, found);
            }
        }
        for (String host : cluster.hosts()) {
            findFiles(host, infos, found);
            long expected =
                    guests.stream().filter(guest -> guest.host().equals(host)).count();
            List<Long> qemus = cluster.qemus(host);
            if (qemus.size() != expected) {
                found.add(host + ": QEMU " + qemus + " instead of " + expected);
            }
        }
        return found;
    }

    private static void findLent(HostStatus host, List<VmInfo> guests, List<String> found) {
        boolean lends = guests.stream().anyMatch(vm -> vm.remoteBytes().containsKey(host.name()));
        if (!lends && (host.info().lentBytes() > 0 || host.info().heldBytes() > 0)) {
            found.add(host.name() + ": " + host.info().lentBytes() + " B lent, "
                    + host.info().heldBytes() + " B held");
        }
    }

    /** A guest's files may be where it runs, and its stores where it has lenders. */
    private void findFiles(String host, List<VmInfo> guests, List<String> found) {
        List<String> files = cluster.lines(
                host,
                "find",
                "/var/lib/splitmem/mem/vms",
                "/var/lib/splitmem/mem/stores",
                "/run/splitmem/qmp",
                "-mindepth",
                "1",
                "-maxdepth",
                "1");
        List<VmInfo> here = cluster.control(host).vms();
        for (String file : files) {
            boolean allowed = guests.stream()
                    .filter(vm -> file.contains(vm.uuid()))
                    .anyMatch(vm -> file.contains("/stores/")
                            ? vm.remoteBytes().containsKey(host)
                            : here.stream().anyMatch(known -> known.uuid().equals(vm.uuid())));
            if (!allowed) {
                found.add(host + ": " + file);
            }
        }
        for (VmInfo known : here) {
            boolean holdsNothing = known.state() == VmState.DEFINED;
            if (!holdsNothing && guests.stream().noneMatch(vm -> vm.uuid().equals(known.uuid()))) {
                found.add(host + ": VM " + known.name() + " " + known.state());
            }
        }
    }
}
