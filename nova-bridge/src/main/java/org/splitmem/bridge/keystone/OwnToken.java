package org.splitmem.bridge.keystone;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.http.Answer;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.Credentials;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;

/** The service's own token, asked for with its password, and renewed well before it ends. Any thread: one asks, the others wait for it. */
public final class OwnToken implements Credentials {
    /** Longer than any request that it is given to. */
    private static final Duration MARGIN = Duration.ofMinutes(5);

    private record Issued(String token, Instant renewAt, Map<String, URI> endpoints) {}

    private final KeystoneConfig config;
    private final Clock clock;
    private final Caller caller;
    private final Map<String, URI> overrides;
    private @Nullable Issued issued;

    /** @param overrides endpoints that are not looked for in the catalog, by type */
    public OwnToken(KeystoneConfig config, Map<String, URI> overrides, Clock clock) {
        this.config = config;
        this.overrides = Map.copyOf(overrides);
        this.clock = clock;
        this.caller = new Caller("Keystone", config.limit());
    }

    @Override
    public String token() throws ServiceException {
        return current().token();
    }

    @Override
    public synchronized void rejected(String token) {
        if (issued != null && issued.token().equals(token)) {
            issued = null;
        }
    }

    @Override
    public URI endpoint(String type) throws ServiceException {
        URI given = overrides.get(type);
        if (given != null) {
            return given;
        }
        URI found = current().endpoints().get(type);
        if (found == null) {
            throw new ServiceException(
                    Kind.NOT_FOUND,
                    "",
                    "Keystone's catalog has no " + config.interfaceName() + " endpoint of a service of type " + type
                            + (config.region().isEmpty() ? "" : " in region " + config.region()));
        }
        return found;
    }

    private synchronized Issued current() throws ServiceException {
        if (issued == null || clock.instant().isAfter(issued.renewAt())) {
            issued = ask();
        }
        return issued;
    }

    /** Of a token that is short-lived altogether, the last fifth is given up. */
    private Instant renewAt(Instant expires) {
        Duration fifth = Duration.between(clock.instant(), expires).dividedBy(5);
        return expires.minus(fifth.compareTo(MARGIN) < 0 ? fifth : MARGIN);
    }

    private Issued ask() throws ServiceException {
        Map<String, Object> user = Map.of(
                "name", config.userName(),
                "domain", Map.of("name", config.userDomain()),
                "password", config.password());
        Map<String, Object> project =
                Map.of("name", config.projectName(), "domain", Map.of("name", config.projectDomain()));
        Map<String, Object> body = Map.of(
                "auth",
                Map.of(
                        "identity", Map.of("methods", List.of("password"), "password", Map.of("user", user)),
                        "scope", Map.of("project", project)));
        Answer answer = caller.send("POST", URI.create(config.url() + "/v3/auth/tokens"), Map.of(), body)
                .orThrow();
        String token = answer.headers()
                .firstValue("X-Subject-Token")
                .orElseThrow(() -> answer.malformed("there is no X-Subject-Token"));
        JsonNode description = answer.json().path("token");
        return new Issued(token, renewAt(expiry(answer, description)), endpoints(description));
    }

    static Instant expiry(Answer answer, JsonNode token) throws ServiceException {
        String text = token.path("expires_at").asText("");
        try {
            return OffsetDateTime.parse(text).toInstant();
        } catch (DateTimeParseException e) {
            throw answer.malformed("expires_at is not a time: '" + text + "'");
        }
    }

    private Map<String, URI> endpoints(JsonNode token) {
        Map<String, URI> byType = new TreeMap<>();
        for (JsonNode service : token.path("catalog")) {
            for (JsonNode endpoint : service.path("endpoints")) {
                String region = endpoint.path("region_id")
                        .asText(endpoint.path("region").asText(""));
                String url = endpoint.path("url").asText("");
                boolean wanted = endpoint.path("interface").asText("").equals(config.interfaceName())
                        && (config.region().isEmpty() || config.region().equals(region));
                if (wanted && url.startsWith("http")) {
                    byType.putIfAbsent(service.path("type").asText(""), URI.create(url.replaceAll("/+$", "")));
                }
            }
        }
        return byType;
    }
}
