package org.splitmem.events.cloud;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import org.splitmem.events.Event;
import org.splitmem.model.InvalidJsonException;
import org.splitmem.model.Json;

/** The JSON format of CloudEvents: the value of structured messages, and what the outbox keeps. */
public final class CloudJson {
    static final String SPEC_VERSION = "1.0";
    static final String DATA_TYPE = "application/json";

    private CloudJson() {}

    /** The event as UTF-8 JSON on one line. */
    public static byte[] write(Event event) {
        return Json.writeBytes(tree(event));
    }

    /** The event as JSON on one line. */
    public static String writeText(Event event) {
        return Json.write(tree(event));
    }

    /** The event with all its attributes. */
    public static ObjectNode tree(Event event) {
        ObjectNode tree = Json.mapper().createObjectNode();
        tree.put("specversion", SPEC_VERSION);
        tree.put("id", event.id());
        tree.put("source", event.source());
        tree.put("type", event.type());
        tree.put("subject", event.key());
        tree.put("time", event.time().toString());
        tree.put("partitionkey", event.key());
        tree.put("datacontenttype", DATA_TYPE);
        tree.put("dataschema", event.topic().schemaUri());
        tree.set("data", event.data());
        return tree;
    }

    /**
     * Reads an event of ours. Attributes that are not ours are passed over: whoever forwards an event may add some.
     *
     * @throws InvalidJsonException if it is none
     */
    public static Event read(byte[] utf8) {
        return read(Json.read(utf8, ObjectNode.class));
    }

    /** As {@link #read(byte[])}. */
    public static Event readText(String text) {
        return read(Json.read(text, ObjectNode.class));
    }

    private static Event read(ObjectNode tree) {
        if (!(tree.get("data") instanceof ObjectNode data)) {
            throw invalid("data is missing");
        }
        String version = text(tree, "specversion");
        if (!version.equals(SPEC_VERSION)) {
            throw invalid("specversion " + version + " is not " + SPEC_VERSION);
        }
        return make(
                text(tree, "id"),
                text(tree, "type"),
                text(tree, "source"),
                text(tree, "time"),
                text(tree, "partitionkey"),
                data);
    }

    static Event make(String id, String type, String source, String time, String key, ObjectNode data) {
        try {
            Instant instant = OffsetDateTime.parse(time).toInstant();
            return new Event(id, type, source, instant, key, data);
        } catch (DateTimeException | IllegalArgumentException e) {
            throw new InvalidJsonException("event: " + e.getMessage(), e);
        }
    }

    static InvalidJsonException invalid(String what) {
        return new InvalidJsonException("event: " + what, new IllegalArgumentException(what));
    }

    private static String text(ObjectNode tree, String field) {
        JsonNode value = tree.get(field);
        if (value == null || !value.isTextual()) {
            throw invalid(field + " is missing");
        }
        return value.textValue();
    }
}
