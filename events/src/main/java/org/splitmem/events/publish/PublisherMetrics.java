package org.splitmem.events.publish;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.splitmem.events.Topic;
import org.splitmem.events.spool.Spool;
import org.splitmem.events.spool.Spool.LaneName;

/** The publisher's numbers. Any thread. */
final class PublisherMetrics {
    private final MeterRegistry registry;
    private final List<Meter> meters = new ArrayList<>();
    private final Map<Topic, Counter> published = new EnumMap<>(Topic.class);
    private final Map<Topic, Counter> sent = new EnumMap<>(Topic.class);
    private final Counter unwritten;
    private final Counter refused;
    private final Counter failures;

    PublisherMetrics(MeterRegistry registry, Spool spool) {
        this.registry = registry;
        for (Topic topic : Topic.values()) {
            published.put(topic, counter("splitmem_events_published_total", "Events told", "topic", topic.kafkaName()));
            sent.put(topic, counter("splitmem_events_sent_total", "Events that Kafka has", "topic", topic.kafkaName()));
        }
        unwritten = counter("splitmem_events_unwritten_total", "Events lost, since the spool could not be written");
        refused = counter("splitmem_events_refused_total", "Events lost, since Kafka can never take them");
        failures = counter("splitmem_events_send_failures_total", "Tries that did not bring every event to Kafka");
        for (LaneName lane : LaneName.values()) {
            String name = lane.name().toLowerCase(Locale.ROOT);
            meters.add(FunctionCounter.builder("splitmem_events_dropped_total", spool, s -> s.totalDropped(lane))
                    .tag("lane", name)
                    .description("Events dropped, since the spool was full")
                    .register(registry));
            gauge("splitmem_events_waiting", "Events in the spool", spool, s -> s.backlog(lane), "lane", name);
        }
        gauge("splitmem_events_spool_bytes", "Size of the spool", spool, Spool::bytes);
        gauge("splitmem_events_spool_damaged_bytes", "Torn or damaged in the spool", spool, Spool::damagedBytes);
    }

    private Counter counter(String name, String text, String... tags) {
        Counter counter = Counter.builder(name).tags(tags).description(text).register(registry);
        meters.add(counter);
        return counter;
    }

    private void gauge(String name, String text, Spool spool, ToDoubleFunction<Spool> value, String... tags) {
        meters.add(
                Gauge.builder(name, spool, value).tags(tags).description(text).register(registry));
    }

    Counter published(Topic topic) {
        return of(published, topic);
    }

    Counter sent(Topic topic) {
        return of(sent, topic);
    }

    Counter unwritten() {
        return unwritten;
    }

    Counter refused() {
        return refused;
    }

    Counter failures() {
        return failures;
    }

    private static Counter of(Map<Topic, Counter> counters, Topic topic) {
        Counter counter = counters.get(topic);
        if (counter == null) {
            throw new IllegalStateException("no counter for " + topic);
        }
        return counter;
    }

    /** Takes them all away again. */
    void remove() {
        meters.forEach(registry::remove);
    }
}
