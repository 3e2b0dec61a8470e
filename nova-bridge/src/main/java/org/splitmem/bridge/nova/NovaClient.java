package org.splitmem.bridge.nova;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.http.Answer;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.Credentials;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;

/** Nova's HTTP API, as far as it says how the cloud is cut. Any thread. */
public final class NovaClient {
    /** A server's groups are in its description since 2.71, which Train and newer speak. */
    static final String MICROVERSION = "compute 2.71";

    private static final Map<Kind, String> REMEDIES = Map.of(
            Kind.UNAUTHORIZED, "does Nova use the same Keystone? See [keystone_authtoken] there",
            Kind.FORBIDDEN,
                    "keystone.user needs the role admin in keystone.project, or Nova's policy has to let it read"
                            + " os-aggregates, os-hypervisors, and all projects' servers and server groups",
            Kind.NOT_FOUND, "is nova.url, or Keystone's endpoint of type compute, that of Nova, with /v2.1?",
            Kind.REDIRECTED, "set nova.url, or Keystone's endpoint of type compute, to where Nova is",
            Kind.MICROVERSION, "Nova of Train or newer is needed, which speaks 2.71",
            Kind.TIMEOUT, "is it overloaded? The limit is nova.timeout-ms",
            Kind.MALFORMED, "is what answers at nova.url, or Keystone's endpoint of type compute, Nova?");

    private final Credentials credentials;
    private final Caller caller;

    public NovaClient(Credentials credentials, Duration limit) {
        this.credentials = credentials;
        this.caller = new Caller("Nova", limit, REMEDIES);
    }

    /** All host aggregates. */
    public List<Aggregate> aggregates() throws ServiceException {
        Answer answer = get("/os-aggregates").orThrow();
        List<Aggregate> all = new ArrayList<>();
        for (JsonNode node : list(answer, answer.json().path("aggregates"), "aggregates")) {
            Set<String> hosts = new TreeSet<>();
            for (JsonNode host : list(answer, node.path("hosts"), "hosts of an aggregate")) {
                hosts.add(text(answer, host));
            }
            Map<String, String> metadata = new TreeMap<>();
            for (Map.Entry<String, JsonNode> entry : node.path("metadata").properties()) {
                metadata.put(entry.getKey(), text(answer, entry.getValue()));
            }
            all.add(new Aggregate(uuid(answer, node.path("uuid")), text(answer, node.path("name")), hosts, metadata));
        }
        return all;
    }

    /** A server of any project; empty if there is none, or no longer. */
    public Optional<Server> server(UUID uuid) throws ServiceException {
        Answer answer = get("/servers/" + uuid);
        if (saysThereIsNone(answer)) {
            return Optional.empty();
        }
        JsonNode server = answer.orThrow().json().path("server");
        if (!uuid(answer, server.path("id")).equals(uuid)) {
            throw answer.malformed("that is server " + server.path("id").asText());
        }
        List<UUID> groups = new ArrayList<>();
        for (JsonNode group : list(answer, server.path("server_groups"), "server_groups")) {
            groups.add(uuid(answer, group));
        }
        JsonNode host = server.path("OS-EXT-SRV-ATTR:host");
        return Optional.of(new Server(uuid, host.isTextual() ? host.textValue() : null, groups));
    }

    /** A server group of any project; empty if there is none, or no longer. */
    public Optional<ServerGroup> group(UUID uuid) throws ServiceException {
        Answer answer = get("/os-server-groups/" + uuid);
        if (saysThereIsNone(answer)) {
            return Optional.empty();
        }
        JsonNode group = answer.orThrow().json().path("server_group");
        List<UUID> members = new ArrayList<>();
        for (JsonNode member : list(answer, group.path("members"), "members")) {
            members.add(uuid(answer, member));
        }
        JsonNode most = group.path("rules").path("max_server_per_host");
        return Optional.of(new ServerGroup(
                uuid(answer, group.path("id")),
                text(answer, group.path("name")),
                text(answer, group.path("policy")),
                Math.max(1, most.asInt(1)), // a number, or a text, depending on the version
                members));
    }

    // ---- sending and reading

    /** Nova names what is missing in {"itemNotFound": …}; the 404 of a proxy, or of a wrong path, has no such body. */
    private static boolean saysThereIsNone(Answer answer) {
        return answer.status() == 404 && answer.body().contains("\"itemNotFound\"");
    }

    /** A token that is no longer accepted is replaced, once. */
    private Answer get(String path) throws ServiceException {
        String token = credentials.token();
        Answer answer = getWith(token, path);
        if (answer.status() != 401) {
            return answer;
        }
        credentials.rejected(token);
        return getWith(credentials.token(), path);
    }

    private Answer getWith(String token, String path) throws ServiceException {
        URI uri = URI.create(credentials.endpoint("compute") + path);
        return caller.send("GET", uri, Map.of("X-Auth-Token", token, "OpenStack-API-Version", MICROVERSION), null);
    }

    private static List<JsonNode> list(Answer answer, JsonNode nodes, String what) throws ServiceException {
        if (!nodes.isArray()) {
            throw answer.malformed(what + " is not a list");
        }
        List<JsonNode> all = new ArrayList<>();
        nodes.forEach(all::add);
        return all;
    }

    private static UUID uuid(Answer answer, JsonNode node) throws ServiceException {
        String text = text(answer, node);
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            throw answer.malformed("not a uuid: " + text);
        }
    }

    private static String text(Answer answer, @Nullable JsonNode node) throws ServiceException {
        if (node == null || !node.isTextual()) {
            throw answer.malformed("a text is missing");
        }
        return node.textValue();
    }
}
