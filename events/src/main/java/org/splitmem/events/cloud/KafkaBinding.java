package org.splitmem.events.cloud;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.splitmem.events.Event;
import org.splitmem.model.InvalidJsonException;
import org.splitmem.model.Json;

/**
 * Events as Kafka messages and back, after the Kafka protocol binding of CloudEvents 1.0.2. The key is the instance's uuid, which
 * stays among the attributes as {@code partitionkey}.
 */
public final class KafkaBinding {
    static final String CONTENT_TYPE = "content-type";
    static final String STRUCTURED_TYPE = "application/cloudevents+json";
    private static final String PREFIX = "ce_";

    private KafkaBinding() {}

    /** The message for an event's topic. */
    public static ProducerRecord<String, byte[]> toMessage(Event event, ContentMode mode) {
        String topic = event.topic().kafkaName();
        boolean binary = mode == ContentMode.BINARY;
        byte[] value = binary ? Json.writeBytes(event.data()) : CloudJson.write(event);
        var message = new ProducerRecord<>(topic, event.key(), value);
        Headers headers = message.headers();
        if (binary) {
            add(headers, CONTENT_TYPE, CloudJson.DATA_TYPE);
            CloudJson.tree(event).properties().forEach(attribute -> {
                String name = attribute.getKey();
                if (!name.equals("data") && !name.equals("datacontenttype")) {
                    add(headers, PREFIX + name, attribute.getValue().textValue());
                }
            });
        } else {
            add(headers, CONTENT_TYPE, STRUCTURED_TYPE + "; charset=UTF-8");
        }
        return message;
    }

    /**
     * The event in a message, whichever mode it is in.
     *
     * @throws InvalidJsonException if there is none of ours in it
     */
    public static Event toEvent(ConsumerRecord<String, byte[]> message) {
        byte[] value = message.value();
        if (value == null) {
            throw CloudJson.invalid("an empty message");
        }
        Header contentType = message.headers().lastHeader(CONTENT_TYPE);
        if (contentType != null && text(contentType).toLowerCase(Locale.ROOT).startsWith("application/cloudevents")) {
            return CloudJson.read(value);
        }
        String version = attribute(message, "specversion");
        if (!version.equals(CloudJson.SPEC_VERSION)) {
            throw CloudJson.invalid("specversion " + version + " is not " + CloudJson.SPEC_VERSION);
        }
        return CloudJson.make(
                attribute(message, "id"),
                attribute(message, "type"),
                attribute(message, "source"),
                attribute(message, "time"),
                attribute(message, "partitionkey"),
                Json.read(value, ObjectNode.class));
    }

    private static String attribute(ConsumerRecord<String, byte[]> message, String name) {
        Header header = message.headers().lastHeader(PREFIX + name);
        if (header == null) {
            throw CloudJson.invalid(PREFIX + name + " is missing");
        }
        return text(header);
    }

    private static String text(Header header) {
        if (header.value() == null) {
            throw CloudJson.invalid(header.key() + " is empty");
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(header.value()))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new InvalidJsonException("event: " + header.key() + " is not UTF-8", e);
        }
    }

    private static void add(Headers headers, String name, String value) {
        headers.add(name, value.getBytes(StandardCharsets.UTF_8));
    }
}
