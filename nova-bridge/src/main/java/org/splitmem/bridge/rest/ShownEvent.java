package org.splitmem.bridge.rest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.Set;
import org.splitmem.model.Json;

/**
 * An event as those see it who do not see hosts: fields that are known to be about their VM alone, with hosts as Nova's hostId.
 *
 * <p>What is not in the list does not pass, since fields may be added to events, and texts may name hosts and addresses.
 */
final class ShownEvent {
    private static final Set<String> ATTRIBUTES = Set.of(
            "specversion",
            "id",
            "source",
            "type",
            "subject",
            "time",
            "datacontenttype",
            "dataschema",
            "partitionkey",
            "data");

    private static final Set<String> PLAIN = Set.of(
            "migrationId",
            "instanceUuid",
            "phase",
            "unseen",
            "budgetBytes",
            "handover",
            "round",
            "bytesTotal",
            "bytesDone",
            "bytesRemaining",
            "rateBytesPerSecond",
            "dirtyBytesPerSecond",
            "etaSeconds",
            "startedAtMs",
            "finishedAtMs",
            "downtimeMs",
            "pagesMain",
            "pagesZero",
            "mode",
            "ramMb",
            "mainMb",
            "ramBytes",
            "remoteBytes",
            "residentBytes",
            "beforeBytes",
            "lostPages",
            "kind",
            "pagesStaying",
            "draining",
            "epoch",
            "projectId",
            "userId",
            "code");

    private static final Set<String> HOSTS = Set.of("source", "destination", "host", "subHost", "beforeHost");
    private static final Set<String> LISTS = Set.of("subHosts", "allocations");
    private static final String SOURCE_PREFIX = "/splitmem/hosts/";

    private ShownEvent() {}

    /** @param project of those who see it */
    static JsonNode of(String json, HostNames names, String project) {
        JsonNode event = Json.read(json, JsonNode.class);
        if (names == HostNames.SHOWN || !(event instanceof ObjectNode attributes)) {
            return event;
        }
        ObjectNode shown = attributes.retain(ATTRIBUTES);
        String source = shown.path("source").asText();
        if (source.startsWith(SOURCE_PREFIX)) {
            shown.put("source", SOURCE_PREFIX + names.of(source.substring(SOURCE_PREFIX.length()), project));
        }
        ObjectNode data = Json.mapper().createObjectNode();
        event.path("data").properties().forEach(field -> add(data, field, names, project));
        shown.set("data", data);
        return shown;
    }

    private static void add(ObjectNode to, Map.Entry<String, JsonNode> field, HostNames names, String project) {
        String name = field.getKey();
        JsonNode value = field.getValue();
        if (PLAIN.contains(name) && value.isValueNode()) {
            to.set(name, value);
        } else if (HOSTS.contains(name) && value.isTextual()) {
            to.put(name, names.of(value.textValue(), project));
        } else if (LISTS.contains(name) && value.isArray()) {
            ArrayNode list = to.putArray(name);
            value.forEach(one -> {
                ObjectNode entry = list.addObject();
                one.properties().forEach(inner -> {
                    if (inner.getKey().equals("host")) {
                        entry.put("host", names.of(inner.getValue().asText(), project));
                    } else if (inner.getValue().isNumber()) {
                        entry.set(inner.getKey(), inner.getValue());
                    }
                });
            });
        }
    }
}
