package org.splitmem.events.paging;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.splitmem.events.Event;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/**
 * Makes paging events from successive readings of all hosts. The first reading of a VM on a host gives none: what its counters
 * counted before is not known to be of any interval. One thread.
 */
public final class PagingSampler {
    private final Duration interval;
    private final Map<String, Map<String, PagingSample.Reading>> lastByHost = new HashMap<>();

    /** @param interval between readings; only the ids of the events depend on it */
    public PagingSampler(Duration interval) {
        if (interval.toMillis() < 1) {
            throw new IllegalArgumentException("an interval of " + interval);
        }
        this.interval = interval;
    }

    /**
     * Takes the next reading of one host.
     *
     * @param at when it was read
     * @param vms all that the host's daemon knows; those that it pages are sampled
     */
    public List<Event> next(String host, Instant at, List<VmInfo> vms) {
        Map<String, PagingSample.Reading> last = lastByHost.getOrDefault(host, Map.of());
        Map<String, PagingSample.Reading> now = new HashMap<>();
        List<Event> events = new ArrayList<>();
        for (VmInfo vm : vms) {
            if (!isPaged(vm.state())) {
                continue;
            }
            var reading = new PagingSample.Reading(host, at, vm);
            var before = last.get(vm.uuid());
            now.put(vm.uuid(), reading);
            if (before != null
                    && before.vm().epoch() == vm.epoch()
                    && before.at().isBefore(at)) {
                events.add(PagingSample.between(before, reading, interval));
            }
        }
        lastByHost.put(host, now);
        return events;
    }

    private static boolean isPaged(VmState state) {
        return state == VmState.SPLIT || state == VmState.INCOMING || state == VmState.GONE;
    }
}
