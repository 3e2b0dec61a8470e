package org.splitmem.events.publish;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.events.Event;
import org.splitmem.events.cloud.ContentMode;
import org.splitmem.events.cloud.KafkaBinding;

/** Kafka's producer: acks=all and idempotent. Made when there is something to send, and anew after an error that it does not survive. */
final class KafkaSink implements EventSink {
    private static final Logger log = LoggerFactory.getLogger(KafkaSink.class);
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(2);

    private final ContentMode mode;
    private final Map<String, Object> properties = new HashMap<>();
    private boolean complained;
    private @Nullable Producer<String, byte[]> producer; // guarded by this
    private boolean closed; // guarded by this

    KafkaSink(PublisherConfig config) {
        this.mode = config.mode();
        properties.put(ProducerConfig.CLIENT_ID_CONFIG, "splitmem-events");
        // How long a single try may take; the publisher tries again for ever.
        properties.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, "5000");
        properties.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, "5000");
        properties.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, "10000");
        properties.put(ProducerConfig.LINGER_MS_CONFIG, "0");
        properties.put(ProducerConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, "2000");
        properties.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
        properties.putAll(config.kafka());
        // What the promises rest on.
        properties.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, config.brokers());
        properties.put(ProducerConfig.ACKS_CONFIG, "all");
        properties.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true");
        properties.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class.getName());
        properties.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class.getName());
    }

    @Override
    public List<Fate> send(List<Event> events) {
        List<@Nullable Future<RecordMetadata>> answers = new ArrayList<>();
        Exception failure = null;
        for (Event event : events) {
            Future<RecordMetadata> answer = null;
            if (failure == null) {
                try {
                    answer = producer().send(KafkaBinding.toMessage(event, mode));
                } catch (KafkaException | IllegalStateException e) {
                    failure = e; // the broker is away: each further event would wait as long
                }
            }
            answers.add(answer);
        }
        List<Fate> fates = new ArrayList<>();
        for (int i = 0; i < answers.size(); i++) {
            Exception trouble = outcome(answers.get(i));
            if (trouble == null) {
                fates.add(answers.get(i) == null ? Fate.UNKNOWN : Fate.SENT);
            } else if (trouble instanceof RecordTooLargeException || trouble instanceof SerializationException) {
                log.error(
                        "event {} of {} cannot be sent: {}",
                        events.get(i).id(),
                        events.get(i).key(),
                        trouble.getMessage());
                fates.add(Fate.REFUSED);
            } else {
                failure = trouble;
                fates.add(Fate.UNKNOWN);
            }
        }
        judge(failure);
        return fates;
    }

    private synchronized Producer<String, byte[]> producer() {
        if (closed) {
            throw new IllegalStateException("closed");
        }
        Producer<String, byte[]> current = producer;
        if (current == null) {
            current = new KafkaProducer<>(properties);
            producer = current;
        }
        return current;
    }

    private static @Nullable Exception outcome(@Nullable Future<RecordMetadata> answer) {
        if (answer == null) {
            return null;
        }
        try {
            answer.get(); // ends by itself: delivery.timeout.ms
            return null;
        } catch (ExecutionException e) {
            return e.getCause() instanceof Exception cause ? cause : e;
        } catch (InterruptedException e) { // nobody interrupts the sender; whoever does wants it to end
            Thread.currentThread().interrupt();
            return e;
        }
    }

    private void judge(@Nullable Exception failure) {
        if (failure == null) {
            if (complained) {
                log.info("Kafka takes events again");
            }
            complained = false;
            return;
        }
        if (!complained) {
            log.warn("events wait in the outbox: Kafka does not take them: {}", failure.toString());
            complained = true;
        }
        if (!(failure instanceof RetriableException)) {
            discard(); // fenced, not authorized, no such broker: a new producer may have better luck
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        discard();
    }

    private void discard() {
        Producer<String, byte[]> ended;
        synchronized (this) {
            ended = producer;
            producer = null;
        }
        if (ended != null) {
            ended.close(CLOSE_LIMIT);
        }
    }
}
