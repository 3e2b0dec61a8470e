package org.splitmem.events.paging;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.splitmem.events.Event;
import org.splitmem.events.VmEvent;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * Makes events of what changed of VMs between successive readings of all hosts. What a VM's first reading shows is no change. One thread.
 *
 * <p>A sub-host counts as lost when it has not answered in two readings that follow each other, since one may be missed by chance.
 */
public final class VmChanges {
    private static final int MISSED_READINGS = 2;

    /**
     * What a host said.
     *
     * @param vms that it knows; absent if it did not answer
     * @param lostPages faults on pages that cannot be had, by uuid of the VM; those without any are left out
     * @param draining whether it lends nothing any more, as it is drained
     */
    public record HostReading(@Nullable List<VmInfo> vms, Map<String, Long> lostPages, boolean draining) {
        public HostReading {
            lostPages = Map.copyOf(lostPages);
        }

        /** Of a host that is not drained. */
        public HostReading(@Nullable List<VmInfo> vms, Map<String, Long> lostPages) {
            this(vms, lostPages, false);
        }
    }

    private record Known(String host, VmInfo vm, long lostPages) {}

    private final Duration interval;
    private final Map<String, Known> known = new HashMap<>();
    private final Set<String> draining = new HashSet<>();
    private final Map<String, Integer> missed = new HashMap<>();
    /** Sub-hosts that were told to be lost, by VM. */
    private final Map<String, Set<String>> lost = new HashMap<>();

    /** @param interval between readings; only the ids of the events depend on it, so that bridges which find the same give it the same id */
    public VmChanges(Duration interval) {
        this.interval = interval;
    }

    /**
     * Takes the next reading of all hosts.
     *
     * @param at when they were read
     */
    public List<Event> next(Instant at, Map<String, HostReading> hosts) {
        hosts.forEach((host, reading) -> {
            if (reading.vms() == null) {
                missed.merge(host, 1, Integer::sum);
            } else {
                missed.remove(host);
            }
        });
        missed.keySet().retainAll(hosts.keySet());
        draining.clear();
        hosts.forEach((host, reading) -> {
            if (reading.draining()) {
                draining.add(host);
            }
        });
        List<Event> events = new ArrayList<>();
        Set<String> gone = new HashSet<>(known.keySet());
        hosts.forEach((host, reading) -> {
            List<VmInfo> vms = reading.vms();
            if (vms == null) {
                known.values().stream()
                        .filter(one -> one.host().equals(host))
                        .forEach(one -> gone.remove(one.vm().uuid()));
                return;
            }
            for (VmInfo vm : vms) {
                switch (vm.state()) {
                    case LOCAL, SPLIT -> {
                        gone.remove(vm.uuid());
                        take(new Known(host, vm, reading.lostPages().getOrDefault(vm.uuid(), 0L)), at, events);
                    }
                    case OUTGOING, INCOMING ->
                        gone.remove(vm.uuid()); // what it was before it moves is what is compared
                    case GONE, EXPECTED, DEFINED, FROZEN -> {}
                }
            }
        });
        gone.forEach(known::remove);
        gone.forEach(lost::remove);
        return events;
    }

    private void take(Known now, Instant at, List<Event> events) {
        Known before = known.put(now.vm().uuid(), now);
        String moment = Long.toString(at.toEpochMilli() / interval.toMillis());
        if (before != null) {
            takeMigration(before, now, moment, at, events);
        }
        if (before != null && before.host().equals(now.host())) {
            VmState was = before.vm().state();
            if (was != now.vm().state()) {
                String type = now.vm().state() == VmState.SPLIT ? VmEvent.SPLIT : VmEvent.GATHERED;
                events.add(event(now, null, remote(now.vm()), null, null).event(type, moment, at));
            }
            if (before.vm().budgetBytes() != now.vm().budgetBytes()) {
                events.add(event(now, before.vm().budgetBytes(), remote(now.vm()), null, null)
                        .event(VmEvent.BUDGET, now.vm().budgetBytes() + "/" + moment, at));
            }
            takeMoves(before, now, moment, at, events);
        }
        // Counted since the daemon pages the VM: a first reading is news, too, since the guest stands still until
        // somebody acts.
        long lostBefore = before == null || !before.host().equals(now.host()) ? 0 : before.lostPages();
        if (now.lostPages() > lostBefore) {
            events.add(event(now, null, remote(now.vm()), null, now.lostPages())
                    .event(VmEvent.PAGES_LOST, now.vm().epoch() + "/" + now.lostPages(), at));
        }
        String obstacle = now.vm().obstacle();
        if (obstacle != null && (before == null || !obstacle.equals(before.vm().obstacle()))) {
            events.add(event(now, null, remote(now.vm()), null, null, obstacle)
                    .event(VmEvent.OBSTACLE, now.vm().epoch() + "/" + unnamed(now, obstacle), at));
        }
        takeSubHosts(now, moment, at, events);
    }

    /** Of a VM that was split, and whether its pages begin to come to the main host that it has now. */
    private static void takeMigration(Known before, Known now, String moment, Instant at, List<Event> events) {
        boolean moved = !before.host().equals(now.host());
        // Hosts are not read at the same moment: one that it has just left may still seem to run it.
        boolean isNewer = now.vm().epoch() > before.vm().epoch();
        if (moved && isNewer && before.vm().state() == VmState.SPLIT) {
            events.add(moved(now, before.host())
                    .event(VmEvent.MOVED, Long.toString(now.vm().epoch()), at));
            if (now.vm().state() == VmState.LOCAL) {
                events.add(event(now, null, 0, null, null).event(VmEvent.GATHERED, moment, at));
            }
        }
        if (now.vm().gather() != null && (moved || before.vm().gather() == null)) {
            events.add(event(now, null, remote(now.vm()), null, null).event(VmEvent.GATHERING, moment, at));
        }
    }

    private void takeMoves(Known before, Known now, String moment, Instant at, List<Event> events) {
        Set<String> earlier = emptying(before.vm());
        Set<String> emptying = emptying(now.vm());
        for (String subHost : emptying) {
            if (!earlier.contains(subHost)) {
                events.add(ofEmptying(now, subHost, draining.contains(subHost))
                        .event(VmEvent.SUB_HOST_EMPTYING, unnamed(now, subHost) + "/" + moment, at));
            }
        }
        Set<String> ended = new TreeSet<>(earlier);
        if (now.vm().state() == VmState.SPLIT && now.vm().epoch() == before.vm().epoch()) {
            // One that was emptied between two readings is a sub-host no more; nothing else takes one from a split VM.
            before.vm().remoteBytes().keySet().stream()
                    .filter(subHost -> !now.vm().remoteBytes().containsKey(subHost))
                    .forEach(ended::add);
        }
        ended.removeAll(emptying);
        for (String subHost : ended) {
            String type = remote(now.vm(), subHost) == 0 ? VmEvent.SUB_HOST_EMPTIED : VmEvent.SUB_HOST_KEPT;
            events.add(ofSubHost(type, now, subHost, moment, at));
        }
    }

    private static Set<String> emptying(VmInfo vm) {
        return vm.moves().stream().map(MoveInfo::from).collect(Collectors.toCollection(TreeSet::new));
    }

    private void takeSubHosts(Known now, String moment, Instant at, List<Event> events) {
        Set<String> told = lost.computeIfAbsent(now.vm().uuid(), key -> new HashSet<>());
        now.vm().remoteBytes().forEach((subHost, bytes) -> {
            int times = missed.getOrDefault(subHost, 0);
            if (bytes > 0 && times >= MISSED_READINGS && told.add(subHost)) {
                events.add(ofSubHost(VmEvent.SUB_HOST_LOST, now, subHost, moment, at));
            }
        });
        for (String subHost : List.copyOf(told)) {
            if (!missed.containsKey(subHost)) {
                told.remove(subHost);
                events.add(ofSubHost(VmEvent.SUB_HOST_BACK, now, subHost, moment, at));
            }
        }
    }

    private static Event ofSubHost(String type, Known now, String subHost, String moment, Instant at) {
        return event(now, null, remote(now.vm(), subHost), subHost, null)
                .event(type, unnamed(now, subHost) + "/" + moment, at);
    }

    /** Ids of events are shown to tenants, who do not see the names of hosts. */
    private static UUID unnamed(Known vm, String name) {
        return UUID.nameUUIDFromBytes((vm.vm().uuid() + name).getBytes(StandardCharsets.UTF_8));
    }

    private static VmEvent event(
            Known now,
            @Nullable Long beforeBytes,
            long remoteBytes,
            @Nullable String subHost,
            @Nullable Long lostPages) {
        return event(now, beforeBytes, remoteBytes, subHost, lostPages, null);
    }

    private static VmEvent moved(Known now, String beforeHost) {
        return event(now, null, remote(now.vm()), null, null, null, beforeHost, null);
    }

    private static VmEvent ofEmptying(Known now, String subHost, boolean draining) {
        return event(now, null, remote(now.vm(), subHost), subHost, null, null, null, draining);
    }

    private static VmEvent event(
            Known now,
            @Nullable Long beforeBytes,
            long remoteBytes,
            @Nullable String subHost,
            @Nullable Long lostPages,
            @Nullable String obstacle) {
        return event(now, beforeBytes, remoteBytes, subHost, lostPages, obstacle, null, null);
    }

    private static VmEvent event(
            Known now,
            @Nullable Long beforeBytes,
            long remoteBytes,
            @Nullable String subHost,
            @Nullable Long lostPages,
            @Nullable String obstacle,
            @Nullable String beforeHost,
            @Nullable Boolean draining) {
        VmInfo vm = now.vm();
        return new VmEvent(
                vm.uuid(),
                vm.name(),
                now.host(),
                vm.ramBytes(),
                vm.budgetBytes(),
                beforeBytes,
                remoteBytes,
                subHost,
                lostPages,
                obstacle,
                beforeHost,
                draining);
    }

    private static long remote(VmInfo vm, String subHost) {
        return vm.remoteBytes().getOrDefault(subHost, 0L);
    }

    private static long remote(VmInfo vm) {
        return vm.remoteBytes().values().stream().mapToLong(Long::longValue).sum();
    }
}
