package org.splitmem.events.publish;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.splitmem.events.Topic;
import org.splitmem.events.publish.Outbox.Lane;

/** The publisher's numbers. Any thread. */
final class PublisherMetrics {
    private final MeterRegistry registry;
    private final List<Meter> meters = new ArrayList<>();
    private final Map<Topic, Counter> sent = new EnumMap<>(Topic.class);
    private final Map<Lane, Counter> dropped = new EnumMap<>(Lane.class);
    private final Map<Lane, AtomicLong> waiting = new EnumMap<>(Lane.class);
    private final AtomicLong leads = new AtomicLong();
    private final Counter refused;
    private final Counter failures;

    PublisherMetrics(MeterRegistry registry) {
        this.registry = registry;
        for (Topic topic : Topic.values()) {
            sent.put(topic, counter("splitmem_events_sent_total", "Events that Kafka has", "topic", topic.kafkaName()));
        }
        refused = counter("splitmem_events_refused_total", "Events lost, since Kafka can never take them");
        failures = counter("splitmem_events_send_failures_total", "Tries that did not bring every event to Kafka");
        for (Lane lane : Lane.values()) {
            String name = lane.name().toLowerCase(Locale.ROOT);
            dropped.put(
                    lane,
                    counter("splitmem_events_dropped_total", "Events dropped, since too many waited", "lane", name));
            AtomicLong number = new AtomicLong();
            waiting.put(lane, number);
            gauge(
                    "splitmem_events_waiting",
                    "Events that wait for Kafka, at the bridge that sends",
                    number,
                    "lane",
                    name);
        }
        gauge("splitmem_events_publishing", "1 at the bridge that sends to Kafka, 0 at others", leads);
    }

    private Counter counter(String name, String text, String... tags) {
        Counter counter = Counter.builder(name).tags(tags).description(text).register(registry);
        meters.add(counter);
        return counter;
    }

    private void gauge(String name, String text, AtomicLong value, String... tags) {
        meters.add(Gauge.builder(name, value, AtomicLong::get)
                .tags(tags)
                .description(text)
                .register(registry));
    }

    Counter sent(Topic topic) {
        return of(sent, topic);
    }

    Counter dropped(Lane lane) {
        return of(dropped, lane);
    }

    Counter refused() {
        return refused;
    }

    Counter failures() {
        return failures;
    }

    void waiting(Lane lane, long events) {
        of(waiting, lane).set(events);
    }

    /** A bridge that does not send reports none waiting, so that the sum over all bridges is right. */
    void leads(boolean now) {
        leads.set(now ? 1 : 0);
        if (!now) {
            waiting.values().forEach(number -> number.set(0));
        }
    }

    private static <K, V> V of(Map<K, V> all, K key) {
        V value = all.get(key);
        if (value == null) {
            throw new IllegalStateException("nothing for " + key);
        }
        return value;
    }

    /** Takes them all away again. */
    void remove() {
        meters.forEach(registry::remove);
    }
}
