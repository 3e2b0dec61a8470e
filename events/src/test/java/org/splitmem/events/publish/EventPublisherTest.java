package org.splitmem.events.publish;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.events.Event;
import org.splitmem.events.Samples;
import org.splitmem.events.Schemas;
import org.splitmem.events.Topic;
import org.splitmem.events.cloud.ContentMode;

class EventPublisherTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    @TempDir
    Path directory;

    private final MeterRegistry registry = new SimpleMeterRegistry();

    private PublisherConfig config(long spoolBytes) {
        return new PublisherConfig(
                "nowhere:1", ContentMode.BINARY, directory, spoolBytes, Duration.ofMillis(20), Map.of());
    }

    private EventPublisher publisher(EventSink sink) throws IOException {
        return new EventPublisher(config(1 << 20), sink, registry);
    }

    private double count(String name, String... tags) {
        return registry.get(name).tags(tags).meter().measure().iterator().next().getValue();
    }

    /** A broker as bad as it gets: it takes an event or not, and says so or not. */
    private static final class Flaky implements EventSink {
        final List<Event> arrived = new CopyOnWriteArrayList<>();
        private final Random random;
        private volatile int badness; // of 10
        private volatile boolean awake = true;

        Flaky(long seed, int badness) {
            this.random = new Random(seed);
            this.badness = badness;
        }

        @Override
        public List<Fate> send(List<Event> events) {
            assertThat(events.stream().map(Event::key)).doesNotHaveDuplicates();
            List<Fate> fates = new ArrayList<>();
            for (Event event : events) {
                boolean takes = awake && random.nextInt(10) >= badness;
                if (takes) {
                    arrived.add(event);
                }
                fates.add(takes && random.nextInt(10) >= badness ? Fate.SENT : Fate.UNKNOWN);
            }
            return fates;
        }

        @Override
        public void close() {}
    }

    /** In the order of their first arrival; one of the same id is the same event. */
    private static List<String> firsts(List<Event> events, String key, Topic topic) {
        Set<String> ids = new LinkedHashSet<>();
        events.stream().filter(e -> e.key().equals(key) && e.topic() == topic).forEach(e -> ids.add(e.id()));
        return List.copyOf(ids);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void allArriveInTheOrderOfTheirVmWhateverFails(long seed) throws Exception {
        Flaky broker = new Flaky(seed, 3);
        try (EventPublisher publisher = publisher(broker)) {
            for (int i = 0; i < 40; i++) {
                for (int vm = 0; vm < 5; vm++) {
                    publisher.publish(Samples.kept(vm, i));
                    publisher.publish(Samples.sample(vm, i));
                }
            }
            broker.badness = 1;
            assertThat(publisher.drain(LONG)).isTrue();
        }
        Schemas.valid(broker.arrived);
        for (int vm = 0; vm < 5; vm++) {
            assertThat(firsts(broker.arrived, Samples.uuid(vm), Topic.MIGRATION))
                    .containsExactlyElementsOf(ids(vm, true, 40));
            assertThat(firsts(broker.arrived, Samples.uuid(vm), Topic.PAGING))
                    .containsExactlyElementsOf(ids(vm, false, 40));
        }
    }

    private static List<String> ids(int vm, boolean kept, int n) {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            ids.add((kept ? Samples.kept(vm, i) : Samples.sample(vm, i)).id());
        }
        return ids;
    }

    @Test
    void whatAPublisherLeftTheNextOneSends() throws Exception {
        Flaky broker = new Flaky(1, 0);
        broker.awake = false;
        try (EventPublisher publisher = publisher(broker)) {
            for (int i = 0; i < 20; i++) {
                publisher.publish(Samples.kept(1, i));
            }
            assertThat(publisher.drain(Duration.ofMillis(50))).isFalse();
        }
        broker.awake = true;
        try (EventPublisher publisher = publisher(broker)) {
            assertThat(publisher.drain(LONG)).isTrue();
        }
        assertThat(broker.arrived.stream().map(Event::id)).containsExactlyElementsOf(ids(1, true, 20));
    }

    /** Each sample either arrives or is counted by the next one of its VM that does. */
    @Test
    void droppedSamplesAreToldByTheNextSampleOfTheirVm() throws Exception {
        Flaky broker = new Flaky(1, 0);
        broker.awake = false;
        int published = 600;
        try (EventPublisher publisher = new EventPublisher(config(128 << 10), broker, registry)) {
            for (int i = 0; i < 20; i++) {
                publisher.publish(Samples.kept(1, i));
            }
            for (int i = 0; i < published; i++) {
                publisher.publish(Samples.sample(i % 3, i));
            }
            assertThat(count("splitmem_events_dropped_total", "lane", "samples"))
                    .isPositive();
        }
        broker.awake = true;
        try (EventPublisher publisher = new EventPublisher(config(128 << 10), broker, registry)) {
            assertThat(publisher.drain(LONG)).isTrue();
            for (int vm = 0; vm < 3; vm++) {
                publisher.publish(Samples.sample(vm, published + vm));
            }
            assertThat(publisher.drain(LONG)).isTrue();
            assertThat(count("splitmem_events_dropped_total", "lane", "kept")).isZero();
        }
        Schemas.valid(broker.arrived);
        List<Event> samples =
                broker.arrived.stream().filter(e -> e.topic() == Topic.PAGING).toList();
        long dropped = samples.stream()
                .mapToLong(e -> e.data().get("dropped").asLong())
                .sum();
        assertThat(dropped).isPositive();
        assertThat(dropped + samples.size()).isEqualTo(published + 3);
        assertThat(samples.stream().filter(e -> e.data().get("dropped").asLong() > 0))
                .hasSize(3);
        assertThat(firsts(broker.arrived, Samples.uuid(1), Topic.MIGRATION))
                .containsExactlyElementsOf(ids(1, true, 20));
    }

    /** A broker that hangs: nobody who publishes notices. */
    @Test
    void publishingNeverWaitsForTheBroker() throws Exception {
        CountDownLatch hang = new CountDownLatch(1);
        CountDownLatch asked = new CountDownLatch(1);
        EventSink broker = new EventSink() {
            @Override
            public List<Fate> send(List<Event> events) {
                asked.countDown();
                try {
                    hang.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
                return events.stream().map(e -> Fate.UNKNOWN).toList();
            }

            @Override
            public void close() {
                hang.countDown();
            }
        };
        try (EventPublisher publisher = publisher(broker)) {
            publisher.publish(Samples.kept(1, 0));
            assertThat(asked.await(10, TimeUnit.SECONDS)).isTrue();
            long start = System.nanoTime();
            for (int i = 1; i < 200; i++) {
                publisher.publish(Samples.kept(1, i));
            }
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
            assertThat(count("splitmem_events_published_total", "topic", "splitmem.migration.v1"))
                    .isEqualTo(200);
        }
    }

    @Test
    void whatCannotBeWrittenIsCountedAndThrowsNothing() throws Exception {
        Flaky broker = new Flaky(1, 0);
        try (EventPublisher publisher = publisher(broker)) {
            try (var files = Files.walk(directory)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
            Files.createFile(directory);
            publisher.publish(Samples.kept(1, 0));

            assertThat(count("splitmem_events_unwritten_total")).isEqualTo(1);
            Files.delete(directory);
            Files.createDirectories(directory.resolve("kept"));
            publisher.publish(Samples.kept(1, 1));
            assertThat(publisher.drain(LONG)).isTrue();
        }
        assertThat(broker.arrived.stream().map(Event::id))
                .containsExactly(Samples.kept(1, 1).id());
    }

    @Test
    void anEventThatKafkaCanNeverTakeDoesNotHoldUpTheRest() throws Exception {
        List<Event> arrived = new CopyOnWriteArrayList<>();
        EventSink broker = new EventSink() {
            @Override
            public List<Fate> send(List<Event> events) {
                List<Fate> fates = new ArrayList<>();
                for (Event event : events) {
                    boolean bad = event.id().endsWith("/1");
                    fates.add(bad ? Fate.REFUSED : Fate.SENT);
                    if (!bad) {
                        arrived.add(event);
                    }
                }
                return fates;
            }

            @Override
            public void close() {}
        };
        try (EventPublisher publisher = publisher(broker)) {
            for (int i = 0; i < 4; i++) {
                publisher.publish(Samples.kept(1, i));
            }
            assertThat(publisher.drain(LONG)).isTrue();
            assertThat(count("splitmem_events_refused_total")).isEqualTo(1);
            assertThat(count("splitmem_events_sent_total", "topic", "splitmem.migration.v1"))
                    .isEqualTo(3);
        }
        assertThat(arrived).hasSize(3);
        assertThat(registry.getMeters()).isEmpty();
    }

    /** No address resolves, nothing listens: the real producer, and nothing but waiting. */
    @Test
    void aBrokerThatIsNotThereIsNoError() throws Exception {
        try (EventPublisher publisher = new EventPublisher(config(1 << 20), registry)) {
            publisher.publish(Samples.kept(1, 0));
            for (int i = 0; count("splitmem_events_send_failures_total") == 0; i++) {
                assertThat(i).isLessThan(1000);
                TimeUnit.MILLISECONDS.sleep(20);
            }
        }
    }
}
