package org.splitmem.bridge.keystone;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.http.Answer;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.Credentials;
import org.splitmem.bridge.http.ServiceException;

/**
 * Asks Keystone who callers are.
 *
 * <p>An answer is believed for a minute and never beyond the token's end: a revoked token works a minute longer at most. Refusals are not
 * remembered. Any thread.
 */
public final class TokenValidator {
    static final Duration BELIEVED = Duration.ofSeconds(60);

    private static final int MOST_REMEMBERED = 10_000;

    private record Known(Identity identity, Instant until) {}

    private final String url;
    private final Credentials own;
    private final Set<String> serviceRoles;
    private final Clock clock;
    private final Caller caller;
    private final Map<String, Known> known = new LinkedHashMap<>();

    /**
     * @param url of the identity API, without /v3
     * @param serviceRoles whose bearers may bring a user's token that has ended since: a long migration outlives it
     */
    public TokenValidator(String url, Duration limit, Credentials own, Set<String> serviceRoles, Clock clock) {
        this.url = url;
        this.own = own;
        this.serviceRoles = Set.copyOf(serviceRoles);
        this.clock = clock;
        this.caller = new Caller("Keystone", limit, OwnToken.REMEDIES);
    }

    /** As {@link #identify}, without asking Keystone; empty if it has to be asked. Returns at once. */
    public Optional<Identity> remembered(String token, @Nullable String serviceToken) {
        boolean expiredToo = serviceToken != null
                && remembered(serviceToken, false).filter(this::isService).isPresent();
        return serviceToken == null || expiredToo ? remembered(token, expiredToo) : Optional.empty();
    }

    private Optional<Identity> remembered(String token, boolean expiredToo) {
        synchronized (known) {
            Known hit = known.get(digest(token) + expiredToo);
            return hit != null && clock.instant().isBefore(hit.until())
                    ? Optional.of(hit.identity())
                    : Optional.empty();
        }
    }

    /** Who a token stood for when Keystone was last asked. It says whom to hurry for, not what to allow. */
    public Optional<Identity> lastKnown(String token) {
        String key = digest(token);
        synchronized (known) {
            Known hit = known.get(key + false);
            Known other = hit == null ? known.get(key + true) : hit;
            return other == null ? Optional.empty() : Optional.of(other.identity());
        }
    }

    private boolean isService(Identity service) {
        return service.roles().stream().anyMatch(serviceRoles::contains);
    }

    /**
     * Who a token stands for; empty if it is none, or no longer.
     *
     * @param serviceToken of the service that passes the token on; absent if the caller has it of its own
     * @throws ServiceException if Keystone cannot be asked
     */
    public Optional<Identity> identify(String token, @Nullable String serviceToken) throws ServiceException {
        boolean expiredToo = serviceToken != null
                && identify(serviceToken, false).filter(this::isService).isPresent();
        return identify(token, expiredToo);
    }

    private Optional<Identity> identify(String token, boolean expiredToo) throws ServiceException {
        Optional<Identity> hit = remembered(token, expiredToo);
        if (hit.isPresent()) {
            return hit;
        }
        String key = digest(token) + expiredToo;
        Optional<Identity> identity = ask(token, expiredToo);
        synchronized (known) {
            known.remove(key);
            identity.ifPresent(found -> remember(key, found, expiredToo));
        }
        return identity;
    }

    private void remember(String key, Identity identity, boolean expiredToo) {
        Instant end = clock.instant().plus(BELIEVED);
        boolean endsBefore = !expiredToo && identity.expires().isBefore(end);
        known.put(key, new Known(identity, endsBefore ? identity.expires() : end));
        if (known.size() > MOST_REMEMBERED) {
            known.remove(known.keySet().iterator().next());
        }
    }

    private Optional<Identity> ask(String token, boolean expiredToo) throws ServiceException {
        if (!token.matches(OwnToken.TOKEN)) {
            return Optional.empty(); // cannot be put into a header
        }
        String mine = own.token();
        Answer answer = validate(mine, token, expiredToo);
        if (answer.status() == 401) { // not the caller's token is refused, but ours
            own.rejected(mine);
            answer = validate(own.token(), token, expiredToo);
        }
        if (answer.saysThereIsNone()) {
            return Optional.empty();
        }
        Identity identity = identity(answer.orThrow());
        boolean ended = !identity.expires().isAfter(clock.instant());
        return ended && !expiredToo ? Optional.empty() : Optional.of(identity);
    }

    private Answer validate(String mine, String token, boolean expiredToo) throws ServiceException {
        URI uri = URI.create(url + "/v3/auth/tokens?nocatalog" + (expiredToo ? "&allow_expired=1" : ""));
        return caller.send("GET", uri, Map.of("X-Auth-Token", mine, "X-Subject-Token", token), null);
    }

    private static Identity identity(Answer answer) throws ServiceException {
        JsonNode token = answer.json().path("token");
        JsonNode user = token.path("user").path("id");
        if (!user.isTextual()) {
            throw answer.malformed("the token has no user");
        }
        Set<String> roles = new TreeSet<>();
        token.path("roles").forEach(role -> roles.add(role.path("name").asText("")));
        JsonNode project = token.path("project").path("id");
        return new Identity(
                user.textValue(),
                token.path("user").path("name").asText(""),
                project.isTextual() ? project.textValue() : null,
                project.isTextual() ? token.path("project").path("name").asText("") : null,
                token.path("system").path("all").asBoolean(false),
                roles,
                OwnToken.expiry(answer, token));
    }

    /** Tokens are not kept: whoever reads our memory shall not find them. */
    private static String digest(String token) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-256", e);
        }
    }
}
