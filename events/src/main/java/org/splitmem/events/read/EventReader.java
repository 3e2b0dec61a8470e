package org.splitmem.events.read;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.splitmem.events.Event;
import org.splitmem.events.Topic;
import org.splitmem.events.cloud.KafkaBinding;
import org.splitmem.model.InvalidJsonException;

/**
 * Reads topics from their beginning, without a consumer group: it leaves no trace at the broker. Events of one VM and topic come in
 * order; one that arrived twice is given once.
 */
public final class EventReader implements AutoCloseable {
    private static final int REMEMBERED = 100_000;
    private static final Duration POLL = Duration.ofMillis(200);

    private final String brokers;
    private final Consumer<String> warnings;
    private final KafkaConsumer<String, byte[]> consumer;
    private final Map<String, Boolean> seen = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
            return size() > REMEMBERED;
        }
    };

    /**
     * Connects to the brokers.
     *
     * @param brokers host:port, several separated by commas
     * @param patience how long a broker may take for an answer
     * @param kafka further properties of Kafka's consumer
     * @param warnings told of messages that are no events, a sentence each
     * @throws BrokerException if no broker answers
     */
    public EventReader(
            String brokers,
            Collection<Topic> topics,
            Duration patience,
            Map<String, String> kafka,
            Consumer<String> warnings) {
        this.brokers = brokers;
        this.warnings = warnings;
        Map<String, Object> properties = new HashMap<>(kafka);
        properties.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        properties.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        properties.put(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, Long.toString(patience.toMillis()));
        properties.put(ConsumerConfig.REQUEST_TIMEOUT_MS_CONFIG, Long.toString(patience.toMillis()));
        properties.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class.getName());
        properties.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class.getName());
        try {
            consumer = new KafkaConsumer<>(properties);
        } catch (KafkaException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new BrokerException("cannot look for a Kafka broker at " + brokers + ": " + cause.getMessage(), e);
        }
        try {
            assign(topics);
        } catch (BrokerException e) {
            consumer.close();
            throw e;
        }
    }

    private void assign(Collection<Topic> topics) {
        List<TopicPartition> partitions = new ArrayList<>();
        asking(() -> {
            Map<String, List<PartitionInfo>> present = consumer.listTopics();
            for (Topic topic : topics) {
                present.getOrDefault(topic.kafkaName(), List.of())
                        .forEach(p -> partitions.add(new TopicPartition(p.topic(), p.partition())));
            }
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
        });
    }

    /** False if none of the topics exists: nothing was ever told. */
    public boolean hasTopics() {
        return !consumer.assignment().isEmpty();
    }

    /**
     * Gives everything that is there when this is called.
     *
     * @throws BrokerException if the broker is lost
     */
    public void readAll(Consumer<Event> to) {
        asking(() -> {
            Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
            long lastProgressNs = System.nanoTime();
            while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
                ConsumerRecords<String, byte[]> records = consumer.poll(POLL);
                if (!records.isEmpty()) {
                    lastProgressNs = System.nanoTime();
                } else if (System.nanoTime() - lastProgressNs
                        > Duration.ofSeconds(30).toNanos()) {
                    throw new TimeoutException("nothing more came for 30 s, though there is more");
                }
                give(records, to);
            }
        });
    }

    /** Gives what comes within a short time, perhaps nothing; for ever, if it is called again and again. */
    public void readNext(Consumer<Event> to) {
        if (hasTopics()) {
            asking(() -> give(consumer.poll(POLL), to));
        }
    }

    private void give(ConsumerRecords<String, byte[]> records, Consumer<Event> to) {
        for (ConsumerRecord<String, byte[]> record : records) {
            try {
                Event event = KafkaBinding.toEvent(record);
                if (seen.put(event.source() + " " + event.id(), true) == null) {
                    to.accept(event);
                }
            } catch (InvalidJsonException e) {
                warnings.accept(record.topic() + " partition " + record.partition() + " offset " + record.offset()
                        + " is no event of splitmem: " + e.getMessage());
            }
        }
    }

    private void asking(Runnable what) {
        try {
            what.run();
        } catch (TimeoutException e) {
            throw new BrokerException("no Kafka broker answers at " + brokers + ": " + e.getMessage(), e);
        } catch (KafkaException e) {
            throw new BrokerException("Kafka at " + brokers + " refuses: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        consumer.close();
    }
}
