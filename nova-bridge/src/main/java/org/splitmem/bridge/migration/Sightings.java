package org.splitmem.bridge.migration;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * What all daemons said of their VMs at about the same moment.
 *
 * <p>A VM that a daemon only expects to start, split, is nowhere yet, and may well run elsewhere: a start that failed leaves an expectation behind, for
 * some minutes. But memory is reserved for it.
 */
final class Sightings {
    /** A VM on a host that runs it. */
    record Running(String host, VmInfo vm) {}

    private final Map<UUID, List<Running>> all = new TreeMap<>();
    private final Map<UUID, List<Running>> expected = new TreeMap<>();
    private final List<Running> defined = new ArrayList<>();
    private final Set<String> silent = new HashSet<>();
    private final Set<String> heard = new HashSet<>();

    private Sightings() {}

    static Sightings of(List<Daemons.VmReport> reports) {
        Sightings sightings = new Sightings();
        for (Daemons.VmReport report : reports) {
            List<VmInfo> vms = report.vms();
            if (vms == null) {
                sightings.silent.add(report.host());
                continue;
            }
            sightings.heard.add(report.host());
            for (VmInfo vm : vms) {
                if (vm.state() == VmState.DEFINED) { // holds nothing
                    sightings.defined.add(new Running(report.host(), vm));
                    continue;
                }
                boolean isExpected = vm.state() == VmState.EXPECTED;
                (isExpected ? sightings.expected : sightings.all)
                        .computeIfAbsent(UUID.fromString(vm.uuid()), key -> new ArrayList<>())
                        .add(new Running(report.host(), vm));
            }
        }
        return sightings;
    }

    /** Of VMs that run, move, or are expected somewhere. */
    Set<UUID> instances() {
        Set<UUID> instances = new TreeSet<>(all.keySet());
        instances.addAll(expected.keySet());
        return instances;
    }

    /** Whether all of these hosts answered; one that we do not know counts as silent. */
    boolean answered(Collection<String> hosts) {
        return heard.containsAll(hosts);
    }

    boolean allAnswered() {
        return silent.isEmpty();
    }

    /** True while it cannot be told where the VM is: on its way, or not connected, or on two hosts. */
    boolean isMoving(UUID instance) {
        List<Running> seen = all.getOrDefault(instance, List.of());
        return seen.size() > 1
                || seen.stream().anyMatch(on -> !isSettled(on.vm().state()));
    }

    /** The host that runs the VM; empty if none does that answered. */
    Optional<Running> running(UUID instance) {
        return all.getOrDefault(instance, List.of()).stream().findFirst();
    }

    /** VMs that ended split on a host, and would start so there again. */
    List<Running> defined() {
        return List.copyOf(defined);
    }

    /** Whether a daemon has had sub-hosts reserve for the VM's start. */
    boolean isExpected(UUID instance) {
        return expected.containsKey(instance);
    }

    /** Whether it runs where that is said. */
    static boolean isSettled(VmState state) {
        return state == VmState.LOCAL || state == VmState.SPLIT;
    }
}
