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

    /**
     * Who a token stands for; empty if it is none, or no longer.
     *
     * @param serviceToken of the service that passes the token on; absent if the caller has it of its own
     * @throws ServiceException if Keystone cannot be asked
     */
    public Optional<Identity> identify(String token, @Nullable String serviceToken) throws ServiceException {
        boolean expiredToo = serviceToken != null
                && identify(serviceToken, false)
                        .filter(service -> service.roles().stream().anyMatch(serviceRoles::contains))
                        .isPresent();
        return identify(token, expiredToo);
    }

    private Optional<Identity> identify(String token, boolean expiredToo) throws ServiceException {
        String key = digest(token) + expiredToo;
        synchronized (known) {
            Known hit = known.get(key);
            if (hit != null && clock.instant().isBefore(hit.until())) {
                return Optional.of(hit.identity());
            }
        }
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
                project.isTextual() ? project.textValue() : null,
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
