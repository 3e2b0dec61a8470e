package org.splitmem.bridge.telemetry;

import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.migration.Telemetry;
import org.splitmem.events.paging.PagingSampler;
import org.splitmem.events.publish.EventPublisher;
import org.splitmem.model.VmInfo;

/** All that a bridge tells to Kafka; or nothing, if it has no brokers. */
public final class EventFeed implements AutoCloseable {
    private final @Nullable EventPublisher publisher;
    private final Telemetry telemetry;
    private final Clock clock;
    private final PagingSampler sampler;

    private EventFeed(@Nullable EventPublisher publisher, Telemetry telemetry, Duration interval, Clock clock) {
        this.publisher = publisher;
        this.telemetry = telemetry;
        this.clock = clock;
        this.sampler = new PagingSampler(interval);
    }

    /** Tells nothing. */
    public static EventFeed off() {
        return new EventFeed(null, new Silent(), Duration.ofSeconds(1), Clock.systemUTC());
    }

    /**
     * Tells to Kafka.
     *
     * @param publisher is closed with this
     * @param interval between samples of paging, and at least between two events of a migration's progress
     */
    public static EventFeed to(EventPublisher publisher, Duration interval, Clock clock) {
        return new EventFeed(publisher, new EventTelemetry(publisher::publish, interval, clock), interval, clock);
    }

    public boolean isOn() {
        return publisher != null;
    }

    public Telemetry telemetry() {
        return telemetry;
    }

    /**
     * Asks all hosts and tells what paging did since the last time. One thread; waits as long as the slowest host may take.
     *
     * <p>Every bridge does this for every VM. Within one interval they give their events the same id, of which readers take the first: no lease is
     * needed, and none has to run out when a bridge dies. A host that does not answer is not sampled; the next sample covers the gap.
     */
    public void sample(Daemons daemons) {
        if (publisher == null) {
            return;
        }
        Instant at = clock.instant();
        for (Daemons.VmReport report : daemons.vms()) {
            List<VmInfo> vms = report.vms();
            if (vms != null) {
                sampler.next(report.host(), at, vms).forEach(publisher::publish);
            }
        }
    }

    /** What was told and not sent stays in the spool for the next bridge that uses it. @throws IOException if the spool cannot be closed */
    @Override
    public void close() throws IOException {
        if (publisher != null) {
            publisher.close();
        }
    }
}
