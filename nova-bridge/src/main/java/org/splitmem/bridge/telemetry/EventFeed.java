package org.splitmem.bridge.telemetry;

import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
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

/** All that a bridge tells: migrations and bookings to the history; these and paging to Kafka, if it has brokers. */
public final class EventFeed implements AutoCloseable {
    private final @Nullable EventPublisher publisher;
    private final Telemetry telemetry;
    private final Clock clock;
    private final PagingSampler sampler;
    private final VmChanges changes;
    private final Consumer<Event> both;

    /**
     * Tells to both.
     *
     * @param publisher is closed with this; absent: there is no Kafka
     * @param interval between samples of paging, and at least between two events of a migration's progress
     */
    public EventFeed(EventHistory history, @Nullable EventPublisher publisher, Duration interval, Clock clock) {
        this.publisher = publisher;
        this.both = event -> {
            history.tell(event);
            if (publisher != null) {
                publisher.publish(event);
            }
        };
        this.telemetry = new EventTelemetry(both, interval, clock);
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
     * <p>Every bridge does this for every VM. Within one interval they give their events the same id, of which readers take the first: no lease is
     * needed, and none has to run out when a bridge dies. A host that does not answer is not sampled; the next sample covers the gap.
     */
    public void sample(Daemons daemons) {
        Instant at = clock.instant();
        Map<String, HostReading> hosts = new TreeMap<>();
        for (Daemons.VmReport report : daemons.vms()) {
            List<VmInfo> vms = report.vms();
            hosts.put(
                    report.host(),
                    new HostReading(vms, vms == null ? Map.of() : lostPages(daemons, report.host(), vms)));
            if (vms != null && publisher != null) {
                sampler.next(report.host(), at, vms).forEach(publisher::publish);
            }
        }
        changes.next(at, hosts).forEach(both);
    }

    /** Asked only of hosts that run split VMs: a whole one has no pages elsewhere. */
    private static Map<String, Long> lostPages(Daemons daemons, String host, List<VmInfo> vms) {
        return vms.stream().anyMatch(vm -> vm.state() == VmState.SPLIT)
                ? LostPages.of(daemons.metrics(host).orElse(""))
                : Map.of();
    }

    /** What was told and not sent stays in the spool for the next bridge that uses it. @throws IOException if the spool cannot be closed */
    @Override
    public void close() throws IOException {
        if (publisher != null) {
            publisher.close();
        }
    }
}
