package org.splitmem.bridge.telemetry;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.migration.Telemetry;
import org.splitmem.events.Event;
import org.splitmem.events.paging.PagingSampler;
import org.splitmem.events.paging.VmChanges;
import org.splitmem.events.paging.VmChanges.HostReading;
import org.splitmem.events.publish.EventPublisher;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** All that a bridge tells: migrations, bookings and what becomes of VMs; and paging, if there is a Kafka. */
public final class EventFeed implements AutoCloseable {
    private final EventHistory history;
    private final @Nullable EventPublisher publisher;
    private final Telemetry telemetry;
    private final Clock clock;
    private final PagingSampler sampler;
    private final VmChanges changes;

    /**
     * Tells the history.
     *
     * @param publisher is closed with this; absent: there is no Kafka
     * @param interval between samples of paging, and at least between two events of a migration's progress
     */
    public EventFeed(EventHistory history, @Nullable EventPublisher publisher, Duration interval, Clock clock) {
        this.history = history;
        this.publisher = publisher;
        this.telemetry = new EventTelemetry(history::tell, history::together, interval, clock);
        this.clock = clock;
        this.sampler = new PagingSampler(interval);
        this.changes = new VmChanges(interval);
    }

    public Telemetry telemetry() {
        return telemetry;
    }

    /**
     * Asks all hosts and tells what paging did since the last time, for Kafka alone, and what became of VMs. One thread; waits as long as the
     * slowest host may take.
     *
     * <p>Every bridge does this for every VM. Within one interval they give their events the same id, of which the database takes the first: no
     * lease is needed, and none has to run out when a bridge dies. A host that does not answer is not sampled; the next sample covers the gap.
     */
    public void sample(Daemons daemons) {
        Instant at = clock.instant();
        Map<String, HostReading> hosts = new TreeMap<>();
        List<Event> samples = new ArrayList<>();
        List<Daemons.VmReport> reports = daemons.vms();
        Set<String> emptied = emptied(reports);
        for (Daemons.VmReport report : reports) {
            List<VmInfo> vms = report.vms();
            hosts.put(report.host(), reading(daemons, report.host(), vms, emptied.contains(report.host())));
            if (vms != null && publisher != null) {
                samples.addAll(sampler.next(report.host(), at, vms));
            }
        }
        changes.next(at, hosts).forEach(history::tell);
        history.tellSamples(samples);
    }

    /** Metrics are asked only of hosts that run split VMs, as a whole one has no pages elsewhere, and of those that are emptied. */
    private static HostReading reading(Daemons daemons, String host, @Nullable List<VmInfo> vms, boolean isEmptied) {
        if (vms == null) {
            return new HostReading(null, Map.of());
        }
        String metrics = isEmptied || vms.stream().anyMatch(vm -> vm.state() == VmState.SPLIT)
                ? daemons.metrics(host).orElse("")
                : "";
        return new HostReading(vms, LostPages.of(metrics), Draining.isSaidBy(metrics));
    }

    private static Set<String> emptied(List<Daemons.VmReport> reports) {
        Set<String> hosts = new HashSet<>();
        for (Daemons.VmReport report : reports) {
            List<VmInfo> vms = report.vms();
            if (vms != null) {
                vms.forEach(vm -> vm.moves().forEach(move -> hosts.add(move.from())));
            }
        }
        return hosts;
    }

    /** What was not sent waits in the database for whichever bridge sends next. */
    @Override
    public void close() {
        if (publisher != null) {
            publisher.close();
        }
    }
}
