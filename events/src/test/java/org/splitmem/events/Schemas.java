package org.splitmem.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.splitmem.model.Json;

/** The schemas as readers of the topics get them. */
public final class Schemas {
    private static final Map<Topic, JsonSchema> ALL = new EnumMap<>(Topic.class);

    static {
        for (Topic topic : Topic.values()) {
            ALL.put(topic, load(topic));
        }
    }

    private Schemas() {}

    private static JsonSchema load(Topic topic) {
        try (InputStream in = Topic.class.getResourceAsStream(topic.schemaResource())) {
            JsonNode text = Json.mapper().readTree(in);
            assertThat(text.get("$id").asText()).isEqualTo(topic.schemaUri());
            return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
                    .getSchema(text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What is wrong with the data, by the topic's schema. */
    public static Set<ValidationMessage> faults(Topic topic, JsonNode data) {
        return ALL.get(topic).validate(data);
    }

    /** Fields that the topic's schema does not describe: readers pass over them, and so what we publish must have none. */
    public static Set<String> unknown(Topic topic, JsonNode data) {
        try (InputStream in = Topic.class.getResourceAsStream(topic.schemaResource())) {
            Set<String> unknown = new TreeSet<>();
            collectUnknown("", Json.mapper().readTree(in), data, unknown);
            return unknown;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void collectUnknown(String path, JsonNode schema, JsonNode data, Set<String> unknown) {
        if (data.isArray()) {
            data.forEach(one -> collectUnknown(path, schema.path("items"), one, unknown));
        } else if (data.isObject() && schema.has("properties")) {
            data.properties().forEach(field -> {
                JsonNode described = schema.path("properties").path(field.getKey());
                if (described.isMissingNode()) {
                    unknown.add(path + field.getKey());
                } else {
                    collectUnknown(path + field.getKey() + ".", described, field.getValue(), unknown);
                }
            });
        }
    }

    /** As a later version would send it: with one more field in each object. */
    private static JsonNode later(JsonNode data) {
        JsonNode more = data.deepCopy();
        if (more instanceof ObjectNode object) {
            object.properties().forEach(field -> field.setValue(later(field.getValue())));
            object.put("ofALaterVersion", 1);
        } else if (more instanceof ArrayNode array) {
            for (int i = 0; i < array.size(); i++) {
                array.set(i, later(array.get(i)));
            }
        }
        return more;
    }

    /** @return the event, whose data was found valid, by readers with an older schema too */
    public static Event valid(Event event) {
        assertThat(faults(event.topic(), event.data())).as("%s", event.data()).isEmpty();
        assertThat(unknown(event.topic(), event.data())).as("%s", event.data()).isEmpty();
        assertThat(faults(event.topic(), later(event.data())))
                .as("fields that are added")
                .isEmpty();
        return event;
    }

    public static List<Event> valid(List<Event> events) {
        events.forEach(Schemas::valid);
        return events;
    }
}
