package org.splitmem.events;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import org.splitmem.model.Json;

/**
 * One event, as CloudEvents 1.0 has it. Its source and id together are unique; who meets the same pair twice meets the same event.
 *
 * @param id made from what is told alone, so that two bridges that tell the same thing give it the same id
 * @param type of one of the {@link Topic}s
 * @param source a URI reference: who knows it at first hand
 * @param time when it happened, or was found
 * @param key uuid of the instance: subject, partition key and Kafka key. Events of one key and topic stay in order
 * @param data as the topic's schema says; not to be changed
 */
public record Event(String id, String type, String source, Instant time, String key, ObjectNode data) {
    public Event {
        requireText("id", id);
        requireText("source", source);
        requireText("key", key);
        Topic.ofType(type);
        data = Json.read(Json.writeBytes(data), ObjectNode.class); // a copy, and the same after any journey
    }

    /** An event whose data is a record of this module. */
    public static Event of(String id, String type, String source, Instant time, String key, Object data) {
        ObjectNode tree = Json.mapper().valueToTree(data);
        return new Event(id, type, source, time, key, tree);
    }

    public Topic topic() {
        return Topic.ofType(type);
    }

    /** The last part of the type: phase, booked, ... */
    public String kind() {
        return type.substring(topic().type("").length());
    }

    /** The source of what a host's daemon knows. */
    public static String sourceOfHost(String host) {
        return "/splitmem/hosts/" + host;
    }

    /** The same event that tells also of samples of its VM that were dropped before it. */
    public Event withDropped(long dropped) {
        ObjectNode changed = data.deepCopy();
        changed.put("dropped", changed.path("dropped").asLong() + dropped);
        return new Event(id, type, source, time, key, changed);
    }

    private static void requireText(String field, String value) {
        if (value == null || value.isBlank()) {
            throw new IllegalArgumentException("an event without " + field);
        }
    }
}
