package org.splitmem.cli.bridge;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.Json;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.UrlText;

/** Asks nova-bridge. Each method throws {@link BridgeException} if it refuses, or cannot be asked. */
public final class BridgeClient {
    /** Its type in Keystone's catalog, and in OpenStack-API-Version. */
    private static final String TYPE = "split-migration";

    /** A plan asks Placement and all hosts. */
    private static final Duration LIMIT = Duration.ofSeconds(60);

    /** In which the bridge has to answer: less, so that its answer says which service was too slow. */
    private static final Duration LIMIT_OF_BRIDGE = LIMIT.minusSeconds(5);

    private final Service bridge;
    private final String token;

    private BridgeClient(Service bridge, String token) {
        this.bridge = bridge;
        this.token = token;
    }

    /**
     * Finds the bridge, and gets a token for it: OS_TOKEN, or one from Keystone with the password.
     *
     * @param url null: as in Keystone's catalog
     * @param environment the OS_ variables
     * @throws BridgeException if it cannot be found, or Keystone gives no token
     */
    public static BridgeClient find(@Nullable String url, Map<String, String> environment) {
        String token = environment.get("OS_TOKEN");
        if (url != null && token != null && !token.isEmpty()) {
            return new BridgeClient(Service.at("nova-bridge", url, LIMIT), token);
        }
        SignIn signIn = new SignIn(environment);
        List<String> missing = signIn.missing();
        if (!missing.isEmpty()) {
            throw new BridgeException(
                    url == null
                            ? "no nova-bridge given: say --bridge URL, or let it be found in Keystone's catalog by setting "
                                    + String.join(", ", missing)
                            : "no token for nova-bridge: set OS_TOKEN, or " + String.join(", ", missing)
                                    + " to sign in");
        }
        SignIn.Session session = signIn.begin();
        String found = url != null
                ? url
                : signIn.endpoint(session, TYPE)
                        .orElseThrow(
                                () -> new BridgeException("Keystone's catalog has no endpoint of a service of type "
                                        + TYPE + ": say --bridge URL, or see OS_REGION_NAME and OS_INTERFACE"));
        return new BridgeClient(Service.at("nova-bridge", found, LIMIT), session.token());
    }

    /**
     * Has a plan made; nothing is booked. A plan may be that there is no room: its mode is then "refused".
     *
     * @return mode, sub_hosts, message, explanation and, of a refusal, reason
     */
    public JsonNode plan(PlanRequest request) {
        HttpResponse<String> answer = bridge.post("/v1/plans", Json.writeSnake(request), headers());
        if (answer.statusCode() != 200) {
            throw bridge.refusal(
                    switch (answer.statusCode()) {
                        case 401 -> "does not accept the token";
                        case 403 -> "does not let you ask for plans";
                        default -> "makes no plan";
                    },
                    answer);
        }
        JsonNode plan = bridge.json(answer).path("plan");
        if (!plan.path("mode").isTextual()) {
            throw new BridgeException(bridge + " answered without a plan: is the URL right?");
        }
        return plan;
    }

    private Map<String, String> headers() {
        return Map.of(
                "X-Auth-Token",
                token,
                "OpenStack-API-Version",
                TYPE + " 1.0",
                "X-Splitmem-Timeout",
                Long.toString(LIMIT_OF_BRIDGE.toSeconds()));
    }

    /** From now on a host lends nothing new, and what it keeps moves to others that the bridge chooses and books. */
    public LendingInfo drain(String host) {
        return lending("POST", host);
    }

    /** The host lends again, and keeps what it still has. */
    public LendingInfo cancelDrain(String host) {
        return lending("DELETE", host);
    }

    /** What a host lends, and what is to leave it. */
    public LendingInfo lending(String host) {
        return lending("GET", host);
    }

    private LendingInfo lending(String method, String host) {
        HttpResponse<String> answer =
                bridge.send(method, "/v1/hosts/" + UrlText.segment(host) + "/drain", new byte[0], headers());
        if (answer.statusCode() / 100 != 2) {
            throw bridge.refusal(
                    switch (answer.statusCode()) {
                        case 401 -> "does not accept the token";
                        case 403 -> "does not let you drain hosts";
                        default -> "refuses";
                    },
                    answer);
        }
        try {
            return Drain.read(bridge.json(answer).path("drain"));
        } catch (IllegalArgumentException e) {
            throw new BridgeException(bridge + " answered without what the host lends: is the URL right?", e);
        }
    }
}
