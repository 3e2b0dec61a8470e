package org.splitmem.cli.bridge;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.Json;

/** Signs in at Keystone with a password, as the environment's OS_ variables say; they mean what they mean to the openstack client. */
final class SignIn {
    private static final List<String> NEEDED = List.of("OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD");
    private static final List<String> SCOPES = List.of("OS_PROJECT_NAME", "OS_PROJECT_ID", "OS_SYSTEM_SCOPE");
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private final Map<String, String> environment;

    SignIn(Map<String, String> environment) {
        this.environment = environment;
    }

    /** The variables without which nobody can sign in; empty if all are there. */
    List<String> missing() {
        List<String> missing = new ArrayList<>(NEEDED);
        missing.removeIf(variable -> !value(variable, "").isEmpty());
        if (SCOPES.stream().allMatch(variable -> value(variable, "").isEmpty())) {
            missing.add(SCOPES.get(0));
        }
        return missing;
    }

    /**
     * What Keystone gave.
     *
     * @param services the catalog
     */
    record Session(String token, JsonNode services) {}

    /** @throws BridgeException if Keystone cannot be asked, or does not let the user in */
    Session begin() {
        Service keystone = Service.at("Keystone", value("OS_AUTH_URL", "").replaceAll("/+(v3/*)?$", ""), LIMIT);
        HttpResponse<String> answer = keystone.post("/v3/auth/tokens", Json.writeBytes(request()), Map.of());
        if (answer.statusCode() == 401) {
            throw keystone.refusal("does not let " + value("OS_USERNAME", "") + " in", answer);
        }
        if (answer.statusCode() != 201) {
            throw keystone.refusal("gives no token", answer);
        }
        JsonNode token = keystone.json(answer).path("token");
        String id = answer.headers()
                .firstValue("X-Subject-Token")
                .orElseThrow(() -> new BridgeException(keystone + " gave no X-Subject-Token: is the URL right?"));
        return new Session(id, token.path("catalog"));
    }

    private Map<String, Object> request() {
        Map<String, Object> user = Map.of(
                "name", value("OS_USERNAME", ""),
                "password", value("OS_PASSWORD", ""),
                "domain", domain("OS_USER_DOMAIN"));
        Map<String, Object> identity = Map.of("methods", List.of("password"), "password", Map.of("user", user));
        return Map.of("auth", Map.of("identity", identity, "scope", scope()));
    }

    private Map<String, Object> scope() {
        if (!value("OS_SYSTEM_SCOPE", "").isEmpty()) {
            return Map.of("system", Map.of("all", true));
        }
        String id = value("OS_PROJECT_ID", "");
        return Map.of(
                "project",
                id.isEmpty()
                        ? Map.of("name", value("OS_PROJECT_NAME", ""), "domain", domain("OS_PROJECT_DOMAIN"))
                        : Map.of("id", id));
    }

    private Map<String, String> domain(String variable) {
        String id = value(variable + "_ID", "");
        return id.isEmpty() ? Map.of("name", value(variable + "_NAME", "Default")) : Map.of("id", id);
    }

    /** Where the catalog says that a service is: what OS_INTERFACE says, or else what is for users, or else for services. */
    Optional<String> endpoint(Session session, String type) {
        String wanted = value("OS_INTERFACE", "");
        List<String> interfaces = wanted.isEmpty() ? List.of("public", "internal") : List.of(wanted);
        List<JsonNode> endpoints = new ArrayList<>();
        for (JsonNode service : session.services()) {
            if (service.path("type").asText().equals(type)) {
                service.path("endpoints").forEach(endpoints::add);
            }
        }
        return interfaces.stream()
                .flatMap(kind -> endpoints.stream()
                        .filter(endpoint -> endpoint.path("interface").asText().equals(kind)))
                .filter(endpoint -> isHere(endpoint.path("region_id")
                        .asText(endpoint.path("region").asText())))
                .map(endpoint -> endpoint.path("url").asText())
                .findFirst();
    }

    private boolean isHere(String region) {
        String wanted = value("OS_REGION_NAME", "");
        return wanted.isEmpty() || wanted.equals(region);
    }

    private String value(String variable, String otherwise) {
        @Nullable String value = environment.get(variable);
        return value == null || value.isEmpty() ? otherwise : value;
    }
}
