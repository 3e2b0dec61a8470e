package org.splitmem.bridge.keystone;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.http.Answer;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.Credentials;
import org.splitmem.bridge.http.Deadline;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;

/**
 * The service's own token, asked for with its password, and renewed well before it ends.
 *
 * <p>Any thread: one asks, those that need it meanwhile wait for the same answer, so that nobody waits longer than one request may take.
 */
public final class OwnToken implements Credentials {
    /** Longer than any request that it is given to. */
    private static final Duration MARGIN = Duration.ofMinutes(5);

    /** What can be put into a header. */
    static final String TOKEN = "[!-~]{1,8192}";

    static final Map<Kind, String> REMEDIES = Map.of(
            Kind.UNAUTHORIZED, "see keystone.user, keystone.project, their domains, and keystone.password-file",
            Kind.FORBIDDEN, "keystone.user needs the role admin or service in keystone.project",
            Kind.NOT_FOUND, "is keystone.url that of Keystone, without /v3?",
            Kind.REDIRECTED, "set keystone.url to where Keystone is",
            Kind.TIMEOUT, "is it overloaded? The limit is keystone.timeout-ms",
            Kind.MALFORMED, "is what answers at keystone.url Keystone?");

    private record Issued(String token, Instant renewAt, Map<String, String> endpoints) {}

    private final KeystoneConfig config;
    private final Clock clock;
    private final Caller caller;
    private final Map<String, URI> overrides;
    private @Nullable Issued issued; // guarded by this
    private @Nullable CompletableFuture<Issued> asking; // guarded by this

    /** @param overrides endpoints that are not looked for in the catalog, by type */
    public OwnToken(KeystoneConfig config, Map<String, URI> overrides, Clock clock) {
        this.config = config;
        this.overrides = Map.copyOf(overrides);
        this.clock = clock;
        this.caller = new Caller("Keystone", config.limit(), REMEDIES);
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
        String found = current().endpoints().get(type);
        String which = config.interfaceName() + " endpoint of a service of type " + type
                + (config.region().isEmpty() ? "" : " in region " + config.region());
        String key = (type.equals("compute") ? "nova" : type) + ".url";
        if (found == null) {
            throw new ServiceException(
                    Kind.NOT_FOUND, "", "Keystone's catalog has no " + which + " (create it, or set " + key + ")");
        }
        if (!isAddress(found)) {
            throw new ServiceException(
                    Kind.MALFORMED,
                    "",
                    "Keystone's catalog: the " + which + " is no address: '" + found + "' (correct it, or set " + key
                            + ")");
        }
        return URI.create(found);
    }

    private static boolean isAddress(String url) {
        try {
            URI uri = new URI(url);
            return uri.getHost() != null && List.of("http", "https").contains(uri.getScheme());
        } catch (URISyntaxException e) {
            return false;
        }
    }

    private Issued current() throws ServiceException {
        CompletableFuture<Issued> answer = new CompletableFuture<>();
        CompletableFuture<Issued> anothers;
        synchronized (this) {
            if (issued != null && !clock.instant().isAfter(issued.renewAt())) {
                return issued;
            }
            anothers = asking;
            asking = anothers == null ? answer : anothers;
        }
        return anothers == null ? askForAll(answer) : wait(anothers);
    }

    private Issued askForAll(CompletableFuture<Issued> answer) throws ServiceException {
        try {
            Issued fresh = ask();
            synchronized (this) {
                issued = fresh;
            }
            answer.complete(fresh);
            return fresh;
        } catch (ServiceException | RuntimeException e) {
            answer.completeExceptionally(e);
            throw e;
        } finally {
            synchronized (this) {
                asking = null;
            }
        }
    }

    private Issued wait(CompletableFuture<Issued> answer) throws ServiceException {
        try {
            return Deadline.await("Keystone", answer);
        } catch (CompletionException e) {
            if (e.getCause() instanceof ServiceException failure) {
                if (failure.kind() == Kind.LATE) { // for the request of the thread that asked
                    return current();
                }
                throw failure;
            }
            throw new IllegalStateException(e.getCause());
        }
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
                .filter(text -> text.matches(TOKEN))
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

    private Map<String, String> endpoints(JsonNode token) {
        Map<String, String> byType = new TreeMap<>();
        for (JsonNode service : token.path("catalog")) {
            for (JsonNode endpoint : service.path("endpoints")) {
                String region = endpoint.path("region_id")
                        .asText(endpoint.path("region").asText(""));
                String url = endpoint.path("url").asText("");
                boolean wanted = endpoint.path("interface").asText("").equals(config.interfaceName())
                        && (config.region().isEmpty() || config.region().equals(region));
                if (wanted) {
                    byType.putIfAbsent(service.path("type").asText(""), url.replaceAll("/+$", ""));
                }
            }
        }
        return byType;
    }
}
