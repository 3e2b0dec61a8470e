package org.splitmem.bridge.rest;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import java.lang.reflect.RecordComponent;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.glassfish.jersey.server.model.Resource;
import org.glassfish.jersey.server.model.ResourceMethod;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.splitmem.bridge.gate.Operation;
import org.splitmem.model.Json;

/** The served description says what the code does: no more, no less. */
class OpenApiTest {
    private static final PropertyNamingStrategies.SnakeCaseStrategy SNAKE =
            new PropertyNamingStrategies.SnakeCaseStrategy();

    private final JsonNode description = Json.read(DescriptionResource.description(), JsonNode.class);

    @Test
    void everyOperationIsDescribedAndEveryDescribedOneIsThere() {
        Set<String> served = new TreeSet<>();
        served.add(Operation.HEALTH.signature()); // the gate answers it itself
        for (Class<?> type : Set.of(
                RootResource.class,
                DescriptionResource.class,
                MigrationsResource.class,
                VmsResource.class,
                EventsResource.class,
                HostsResource.class,
                PlansResource.class)) {
            collect("", Resource.from(type), served);
        }
        Set<String> described = new TreeSet<>();
        for (Map.Entry<String, JsonNode> path : description.path("paths").properties()) {
            path.getValue().fieldNames().forEachRemaining(method -> described.add(method + " " + path.getKey()));
        }

        assertThat(described).isEqualTo(served).hasSize(23);
    }

    @Test
    void theGateLetsThroughWhatIsDescribedWithTheParametersThatAreDescribed() {
        Map<String, Set<String>> described = new TreeMap<>();
        for (Map.Entry<String, JsonNode> path : description.path("paths").properties()) {
            for (Map.Entry<String, JsonNode> method : path.getValue().properties()) {
                Set<String> names = new TreeSet<>();
                for (JsonNode parameter : method.getValue().path("parameters")) {
                    JsonNode resolved = parameter.has("$ref")
                            ? description.at(parameter.path("$ref").asText().substring(1))
                            : parameter;
                    if (resolved.path("in").asText().equals("query")) {
                        names.add(resolved.path("name").asText());
                    }
                }
                described.put(method.getKey() + " " + path.getKey(), names);
            }
        }
        Map<String, Set<String>> let = new TreeMap<>();
        for (Operation operation : Operation.values()) {
            let.put(operation.signature(), new TreeSet<>(operation.parameters()));
        }

        assertThat(let).isEqualTo(described);
    }

    private static void collect(String prefix, Resource resource, Set<String> served) {
        String path = (prefix + "/" + resource.getPath()).replaceAll("/+", "/");
        String shown = path.length() > 1 ? path.replaceAll("/$", "") : path;
        for (ResourceMethod method : resource.getResourceMethods()) {
            served.add(method.getHttpMethod().toLowerCase(java.util.Locale.ROOT) + " " + shown);
        }
        resource.getChildResources().forEach(child -> collect(path, child, served));
    }

    @Test
    void everySchemaHasTheFieldsOfItsRecord() {
        Map<String, Class<?>> records = Stream.of(Bodies.class.getDeclaredClasses())
                .filter(Class::isRecord)
                .collect(Collectors.toMap(Class::getSimpleName, type -> type, (a, b) -> a, TreeMap::new));
        JsonNode schemas = description.path("components").path("schemas");
        Set<String> names = new TreeSet<>();
        schemas.fieldNames().forEachRemaining(names::add);

        assertThat(names).isEqualTo(records.keySet());
        records.forEach(
                (name, type) -> assertThat(fields(schemas.path(name))).as(name).isEqualTo(fields(type)));
    }

    /** Field name to its JSON type, with a question mark if it may be absent. */
    private static Map<String, String> fields(JsonNode schema) {
        Set<String> required = new TreeSet<>();
        schema.path("required").forEach(field -> required.add(field.asText()));
        Map<String, String> fields = new TreeMap<>();
        for (Map.Entry<String, JsonNode> field : schema.path("properties").properties()) {
            String type = field.getValue().path("type").asText("object");
            fields.put(field.getKey(), type + (required.contains(field.getKey()) ? "" : "?"));
        }
        return fields;
    }

    private static Map<String, String> fields(Class<?> type) {
        Map<String, String> fields = new TreeMap<>();
        for (RecordComponent component : type.getRecordComponents()) {
            boolean optional = component.getAnnotatedType().isAnnotationPresent(Nullable.class);
            fields.put(SNAKE.translate(component.getName()), jsonType(component.getType()) + (optional ? "?" : ""));
        }
        return fields;
    }

    private static String jsonType(Class<?> type) {
        if (type == String.class || type == UUID.class) {
            return "string";
        }
        if (type == long.class || type == int.class || type == Long.class || type == Integer.class) {
            return "integer";
        }
        if (type == double.class || type == Double.class) {
            return "number";
        }
        if (type == boolean.class) {
            return "boolean";
        }
        return type == java.util.List.class ? "array" : "object";
    }
}
