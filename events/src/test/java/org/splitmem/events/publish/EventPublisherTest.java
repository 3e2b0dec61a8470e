package org.splitmem.events.publish;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.splitmem.events.Event;
import org.splitmem.events.Samples;
import org.splitmem.events.Schemas;
import org.splitmem.events.Topic;
import org.splitmem.events.publish.EventPublisher.Rhythm;

@SuppressWarnings("try") // publishers work while they are in scope
class EventPublisherTest {
    private static final Rhythm FAST = new Rhythm(2, 5, 5);

    private final MeterRegistry registry = new SimpleMeterRegistry();
    private final MemoryOutbox outbox = new MemoryOutbox();

    private EventPublisher publisher(String name, EventSink sink) {
        return publisher(outbox.by(name), sink, 100_000);
    }

    private EventPublisher publisher(Outbox access, EventSink sink, long maxWaiting) {
        return new EventPublisher(access, sink, maxWaiting, FAST, registry);
    }

    private double count(String name, String... tags) {
        return registry.get(name).tags(tags).meter().measure().iterator().next().getValue();
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(5);
        }
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

    private static List<String> ids(int vm, boolean kept, int n) {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            ids.add((kept ? Samples.kept(vm, i) : Samples.sample(vm, i)).id());
        }
        return ids;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void allArriveInTheOrderOfTheirVmWhateverFails(long seed) throws Exception {
        Flaky broker = new Flaky(seed, 3);
        try (EventPublisher unused = publisher("bridge-1", broker)) {
            for (int i = 0; i < 40; i++) {
                for (int vm = 0; vm < 5; vm++) {
                    outbox.add(Samples.kept(vm, i));
                    outbox.add(Samples.sample(vm, i));
                }
            }
            broker.badness = 1;
            outbox.awaitEmpty();
        }
        Schemas.valid(broker.arrived);
        for (int vm = 0; vm < 5; vm++) {
            assertThat(firsts(broker.arrived, Samples.uuid(vm), Topic.MIGRATION))
                    .containsExactlyElementsOf(ids(vm, true, 40));
            assertThat(firsts(broker.arrived, Samples.uuid(vm), Topic.PAGING))
                    .containsExactlyElementsOf(ids(vm, false, 40));
        }
    }

    @Test
    void whatAPublisherLeftAnotherSendsWhenTheBrokerIsBack() throws Exception {
        Flaky broker = new Flaky(1, 0);
        broker.awake = false;
        for (int i = 0; i < 20; i++) {
            outbox.add(Samples.kept(1, i));
        }
        try (EventPublisher unused = publisher("bridge-1", broker)) {
            await(() -> count("splitmem_events_send_failures_total") > 0);
        }
        assertThat(outbox.size()).isEqualTo(20);
        broker.awake = true;
        try (EventPublisher unused = publisher("bridge-2", broker)) {
            outbox.awaitEmpty();
        }
        assertThat(broker.arrived.stream().map(Event::id)).containsExactlyElementsOf(ids(1, true, 20));
    }

    @Test
    void ofTwoPublishersOneSends() throws Exception {
        Flaky first = new Flaky(1, 0);
        Flaky second = new Flaky(1, 0);
        try (EventPublisher unused = publisher("bridge-1", first)) {
            await(() -> count("splitmem_events_publishing") == 1);
            try (EventPublisher alsoUnused =
                    new EventPublisher(outbox.by("bridge-2"), second, 100_000, FAST, new SimpleMeterRegistry())) {
                for (int i = 0; i < 20; i++) {
                    outbox.add(Samples.kept(i, 0));
                }
                outbox.awaitEmpty();
            }
        }
        assertThat(first.arrived).hasSize(20);
        assertThat(second.arrived).isEmpty();
    }

    /** Marking fails: the process dies just after the broker's answer, as seen from the outbox. */
    @Test
    void oneThatDiesBetweenTheAnswerAndTheMarkLosesNothing() throws Exception {
        Flaky broker = new Flaky(1, 0);
        Outbox dying = outbox.new Access("bridge-1") {
            @Override
            public void sent(Collection<Long> numbers, Map<String, Long> told) {
                throw new IllegalStateException("killed");
            }
        };
        outbox.add(Samples.kept(1, 0));
        outbox.add(Samples.kept(1, 1));
        try (EventPublisher unused = publisher(dying, broker, 100_000)) {
            await(() -> count("splitmem_events_send_failures_total") > 1);
            assertThat(broker.arrived)
                    .as("not sent again by one that knows the answer")
                    .hasSize(1);
        }
        try (EventPublisher unused = publisher("bridge-2", broker)) {
            outbox.awaitEmpty();
        }
        assertThat(broker.arrived.stream().map(Event::id))
                .containsExactly(
                        Samples.kept(1, 0).id(),
                        Samples.kept(1, 0).id(),
                        Samples.kept(1, 1).id());
    }

    @Test
    void oneThatComesBackAfterAnotherTookOverSendsNothingAgain() throws Exception {
        Flaky broker = new Flaky(1, 0);
        broker.awake = false;
        outbox.add(Samples.kept(1, 0));
        outbox.add(Samples.kept(2, 0));
        try (EventPublisher unused = publisher("bridge-1", broker)) {
            await(() -> count("splitmem_events_send_failures_total") > 0);
            outbox.leaseRunsOut();
            assertThat(outbox.by("bridge-2").lease()).isEqualTo(Outbox.Lease.TAKEN);
            await(() -> count("splitmem_events_publishing") == 0);
            outbox.by("bridge-2").sent(List.of(1L, 2L), Map.of());
            broker.awake = true;
            outbox.by("bridge-2").release();
            await(() -> count("splitmem_events_publishing") == 1);
            outbox.add(Samples.kept(1, 1));
            outbox.awaitEmpty();
        }
        assertThat(broker.arrived.stream().map(Event::id))
                .containsExactly(Samples.kept(1, 1).id());
    }

    /** Each sample either arrives or is counted by the next one of its VM that does. */
    @Test
    void droppedSamplesAreToldByTheNextSampleOfTheirVm() throws Exception {
        Flaky broker = new Flaky(1, 0);
        broker.awake = false;
        for (int i = 0; i < 20; i++) {
            outbox.add(Samples.kept(1, i));
        }
        for (int i = 0; i < 600; i++) {
            outbox.add(Samples.sample(i % 3, i));
        }
        try (EventPublisher unused = publisher(outbox.by("bridge-1"), broker, 320)) {
            await(() -> count("splitmem_events_waiting", "lane", "samples") == 290);
            assertThat(count("splitmem_events_dropped_total", "lane", "samples"))
                    .isEqualTo(310);
            assertThat(count("splitmem_events_dropped_total", "lane", "kept")).isZero();
            assertThat(count("splitmem_events_waiting", "lane", "kept")).isEqualTo(20);
        }
        broker.awake = true;
        try (EventPublisher unused = publisher(outbox.by("bridge-1"), broker, 320)) {
            outbox.awaitEmpty();
        }
        Schemas.valid(broker.arrived);
        List<Event> samples =
                broker.arrived.stream().filter(e -> e.topic() == Topic.PAGING).toList();
        long dropped = samples.stream()
                .mapToLong(e -> e.data().get("dropped").asLong())
                .sum();
        assertThat(dropped).isEqualTo(310);
        assertThat(samples).hasSize(290);
        assertThat(samples.stream().filter(e -> e.data().get("dropped").asLong() > 0))
                .hasSize(3);
        assertThat(firsts(broker.arrived, Samples.uuid(1), Topic.MIGRATION))
                .containsExactlyElementsOf(ids(1, true, 20));
    }

    @Test
    void withoutSamplesTheOldestOfTheRestAreDroppedAndCounted() throws Exception {
        Flaky broker = new Flaky(1, 0);
        broker.awake = false;
        for (int i = 0; i < 100; i++) {
            outbox.add(Samples.kept(1, i));
        }
        outbox.add(Samples.sample(1, 0));
        try (EventPublisher unused = publisher(outbox.by("bridge-1"), broker, 64)) {
            await(() -> count("splitmem_events_waiting", "lane", "kept") == 62);
            assertThat(count("splitmem_events_dropped_total", "lane", "kept")).isEqualTo(38);
            assertThat(count("splitmem_events_dropped_total", "lane", "samples"))
                    .isEqualTo(1);
            broker.awake = true;
            outbox.awaitEmpty();
        }
        assertThat(broker.arrived.stream().map(Event::id))
                .containsExactlyElementsOf(ids(1, true, 100).subList(38, 100));
    }

    @Test
    void whatCanNeverBeSentDoesNotHoldUpTheRest() throws Exception {
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
        try (EventPublisher unused = publisher("bridge-1", broker)) {
            outbox.addText("{\"no\":\"event\"}");
            for (int i = 0; i < 4; i++) {
                outbox.add(Samples.kept(1, i));
            }
            outbox.awaitEmpty();
            await(() -> count("splitmem_events_refused_total") == 2);
            assertThat(count("splitmem_events_sent_total", "topic", "splitmem.migration.v1"))
                    .isEqualTo(3);
        }
        assertThat(arrived).hasSize(3);
        assertThat(registry.getMeters()).isEmpty();
    }

    /** No address resolves, nothing listens: the real producer, and nothing but waiting. */
    @Test
    void aBrokerThatIsNotThereIsNoError() throws Exception {
        outbox.add(Samples.kept(1, 0));
        try (EventPublisher unused =
                new EventPublisher(PublisherConfig.of("nowhere:1"), outbox.by("bridge-1"), registry)) {
            await(() -> count("splitmem_events_send_failures_total") > 0);
        }
        assertThat(outbox.size()).isEqualTo(1);
    }
}
