package org.splitmem.events.publish;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.splitmem.events.Event;
import org.splitmem.events.Samples;
import org.splitmem.events.Schemas;
import org.splitmem.events.Topic;
import org.splitmem.events.cloud.ContentMode;
import org.splitmem.events.cloud.KafkaBinding;
import org.splitmem.events.read.EventReader;

/** With a real broker, which is stopped, killed and absent. Needs no root; tagged so since it takes a while. */
@Tag("root")
@SuppressWarnings("try") // publishers work while they are in scope
class KafkaTest {
    private static final int VMS = 6;
    private static final Duration LONG = Duration.ofSeconds(60);

    @TempDir
    Path directory;

    private final MemoryOutbox outbox = new MemoryOutbox();

    private EventPublisher publisher(Broker broker, ContentMode mode, String bridge) {
        PublisherConfig config = new PublisherConfig(broker.address(), mode, 1_000_000, Map.of());
        return new EventPublisher(config, outbox.by(bridge), new SimpleMeterRegistry());
    }

    @Test
    void allArriveInOrderWhateverBecomesOfTheBroker() throws Exception {
        try (Broker broker = new Broker(directory.resolve("kafka"))) {
            List<Event> published = publishThroughTroubles(broker);
            publishStructured(broker, published);

            List<Event> messages = messages(broker);
            Map<String, Event> byId = new LinkedHashMap<>();
            for (Event event : Schemas.valid(messages)) {
                Event first = byId.putIfAbsent(event.source() + " " + event.id(), event);
                assertThat(event).isEqualTo(first == null ? event : first);
            }
            assertSame(List.copyOf(byId.values()), published);

            List<Event> read = new ArrayList<>();
            try (EventReader reader =
                    new EventReader(broker.address(), EnumSet.allOf(Topic.class), LONG, Map.of(), warning -> {
                        throw new AssertionError(warning);
                    })) {
                reader.readAll(read::add);
            }
            assertSame(read, published);
        }
    }

    /** Whole, and each VM's in order. */
    private static void assertSame(List<Event> arrived, List<Event> published) {
        Map<String, List<Event>> one = ofEach(arrived);
        Map<String, List<Event>> other = ofEach(published);
        assertThat(one.keySet()).isEqualTo(other.keySet());
        other.forEach((what, events) -> {
            assertThat(one.get(what).stream().map(Event::id))
                    .as(what)
                    .containsExactlyElementsOf(events.stream().map(Event::id).toList());
            assertThat(one.get(what).equals(events)).as("the data of " + what).isTrue();
        });
    }

    private static Map<String, List<Event>> ofEach(List<Event> events) {
        Map<String, List<Event>> lists = new HashMap<>();
        events.forEach(event -> lists.computeIfAbsent(event.topic() + " " + event.key(), key -> new ArrayList<>())
                .add(event));
        return lists;
    }

    private List<Event> publishThroughTroubles(Broker broker) throws Exception {
        Load load = new Load(outbox);
        try (EventPublisher unused = publisher(broker, ContentMode.BINARY, "bridge-1")) {
            load.start();
            TimeUnit.SECONDS.sleep(1);
            broker.run("kill");
            TimeUnit.SECONDS.sleep(4);
        } // as when a bridge is restarted while the broker is away, beside another
        try (EventPublisher unused = publisher(broker, ContentMode.BINARY, "bridge-1");
                EventPublisher alsoUnused = publisher(broker, ContentMode.BINARY, "bridge-2")) {
            TimeUnit.SECONDS.sleep(1);
            broker.run("up");
            TimeUnit.SECONDS.sleep(1);
            broker.run("down");
            TimeUnit.SECONDS.sleep(1);
            broker.run("up");
            TimeUnit.SECONDS.sleep(1);
            return load.stop();
        }
    }

    private void publishStructured(Broker broker, List<Event> published) throws Exception {
        try (EventPublisher unused = publisher(broker, ContentMode.STRUCTURED, "bridge-1")) {
            Event event = Samples.kept(VMS + 1, 0);
            published.add(event);
            outbox.add(event);
            outbox.awaitEmpty();
        }
    }

    /** One who publishes all the time, whatever happens to the broker. */
    private static final class Load {
        private final MemoryOutbox outbox;
        private final List<Event> published = new ArrayList<>();
        private final Thread thread = new Thread(this::run, "load");
        private volatile boolean stopping;
        private volatile Throwable failure;

        Load(MemoryOutbox outbox) {
            this.outbox = outbox;
        }

        void start() {
            thread.start();
        }

        private void publish(int n) {
            for (int vm = 0; vm < VMS; vm++) {
                for (Event event : List.of(Samples.kept(vm, n), Samples.sample(vm, n))) {
                    outbox.add(event);
                    published.add(event);
                }
            }
        }

        private void run() {
            try {
                for (int n = 0; !stopping; n++) {
                    publish(n);
                    TimeUnit.MILLISECONDS.sleep(100);
                }
            } catch (Throwable e) {
                failure = e;
            }
        }

        List<Event> stop() throws Exception {
            stopping = true;
            thread.join();
            assertThat(failure).isNull();
            outbox.awaitEmpty();
            assertThat(published).hasSizeGreaterThan(500);
            return published;
        }
    }

    /** Everything that lies in the topics, duplicates too. */
    private static List<Event> messages(Broker broker) {
        List<Event> events = new ArrayList<>();
        try (var consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", broker.address(), "auto.offset.reset", "earliest"),
                new StringDeserializer(),
                new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (Topic topic : List.of(Topic.MIGRATION, Topic.PAGING)) {
                consumer.partitionsFor(topic.kafkaName())
                        .forEach(p -> partitions.add(new TopicPartition(p.topic(), p.partition())));
            }
            assertThat(partitions).hasSize(6);
            consumer.assign(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> {
                    Event event = KafkaBinding.toEvent(record);
                    assertThat(record.key()).isEqualTo(event.key());
                    events.add(event);
                });
            }
        }
        return events;
    }
}
