package org.splitmem.bridge.placement;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.http.Answer;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.Credentials;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.http.ServiceException.Kind;

/** Placement's HTTP API, as far as memory is concerned. Any thread. */
public final class PlacementClient {
    /** What providers have whose hosts lend memory. */
    public static final String LENDER = "CUSTOM_SPLITMEM_SERVER";

    /** Consumer types are 1.38; 1.39 is Zed's. */
    static final String MICROVERSION = "placement 1.39";

    private static final String MEMORY = "MEMORY_MB";
    /** What compute hosts have; other providers share disks or bandwidth. */
    private static final List<String> HOST_RESOURCES = List.of(MEMORY, "VCPU", "PCPU");

    private static final String CONCURRENT_UPDATE = "placement.concurrent_update";

    private static final Map<Kind, String> REMEDIES = Map.of(
            Kind.UNAUTHORIZED, "does Placement use the same Keystone? See [keystone_authtoken] there",
            Kind.FORBIDDEN, "keystone.user needs the role admin or service in keystone.project",
            Kind.NOT_FOUND, "is placement.url, or Keystone's endpoint of type placement, that of Placement?",
            Kind.REDIRECTED, "set placement.url, or Keystone's endpoint of type placement, to where Placement is",
            Kind.MICROVERSION, "Placement of Zed or newer is needed, which speaks 1.39",
            Kind.TIMEOUT, "is it overloaded? The limit is placement.timeout-ms",
            Kind.MALFORMED, "is what answers at placement.url, or Keystone's endpoint of type placement, Placement?");

    private final Credentials credentials;
    private final Caller caller;
    private final ComputeHosts hosts;
    private final AtomicBoolean traitKnown = new AtomicBoolean();

    /** @param hosts by whose names providers are known to callers */
    public PlacementClient(Credentials credentials, Duration limit, ComputeHosts hosts) {
        this.credentials = credentials;
        this.hosts = hosts;
        this.caller = new Caller("Placement", limit, REMEDIES);
    }

    /** @throws ServiceException unless Placement answers, and speaks our microversion */
    public void check() throws ServiceException {
        Answer answer = send("GET", "/", null).orThrow();
        JsonNode version = answer.json().path("versions").path(0);
        String most = version.path("max_version").asText("");
        if (!most.matches("1\\.[0-9]+") || Integer.parseInt(most.substring(2)) < 39) {
            throw new ServiceException(
                    Kind.MICROVERSION, "", "Placement speaks microversions up to '" + most + "', 1.39 is needed");
        }
    }

    /**
     * The hosts that lend memory, by name; those that are full, too.
     *
     * <p>Two requests however many there are: the candidates for 1 MB tell what is free, the list of providers what they are called.
     *
     * @param aggregate uuid of the aggregate they have to be in; absent: any
     */
    public List<Provider> lenders(@Nullable String aggregate) throws ServiceException {
        if (!traitKnown.get()) {
            // A trait that does not exist yet makes the queries fail.
            send("PUT", "/traits/" + LENDER, null).orThrow();
            traitKnown.set(true);
        }
        String which = "required=" + LENDER + (aggregate == null ? "" : "&member_of=" + encode(aggregate));
        Answer candidates = send("GET", "/allocation_candidates?resources=" + MEMORY + ":1&" + which, null)
                .orThrow();
        JsonNode summaries = object(candidates, candidates.json().path("provider_summaries"), "provider_summaries");
        Answer listed = send("GET", "/resource_providers?" + which, null).orThrow();
        Map<String, Provider> lenders = new TreeMap<>();
        for (Map.Entry<String, UUID> entry : byHost(listed).entrySet()) {
            UUID uuid = entry.getValue();
            JsonNode summary = summaries.path(uuid.toString());
            JsonNode memory = summary.path("resources").path(MEMORY);
            long free = memory.isMissingNode()
                    ? 0
                    : number(candidates, memory.path("capacity")) - number(candidates, memory.path("used"));
            Set<String> traits = new TreeSet<>();
            for (JsonNode trait : summary.path("traits")) {
                traits.add(text(candidates, trait));
            }
            lenders.put(entry.getKey(), new Provider(uuid, entry.getKey(), free, traits));
        }
        return List.copyOf(lenders.values());
    }

    /** The hosts that have a trait of Placement's own, full ones, too. */
    public Set<String> withTrait(String trait) throws ServiceException {
        return byHost(send("GET", "/resource_providers?required=" + trait, null).orThrow())
                .keySet();
    }

    /** Every provider's uuid, by its host's name. */
    public Map<String, UUID> providers() throws ServiceException {
        return byHost(send("GET", "/resource_providers", null).orThrow());
    }

    /** Providers that are no known host's keep their names; but not one that would pass for a host with another provider. */
    private Map<String, UUID> byHost(Answer answer) throws ServiceException {
        Map<String, String> known = hosts.byProvider();
        Map<String, UUID> byHost = new TreeMap<>();
        for (JsonNode node : list(answer)) {
            String name = text(answer, node.path("name"));
            String host = known.get(name);
            if (host != null || !known.containsValue(name)) {
                byHost.put(host == null ? name : host, uuid(answer, node.path("uuid")));
            }
        }
        return byHost;
    }

    /** The providers that are in an aggregate. Nova mirrors its host aggregates, under their uuids. */
    public Set<UUID> members(UUID aggregate) throws ServiceException {
        Answer answer =
                send("GET", "/resource_providers?member_of=" + aggregate, null).orThrow();
        Set<UUID> members = new TreeSet<>();
        for (JsonNode node : list(answer)) {
            members.add(uuid(answer, node.path("uuid")));
        }
        return members;
    }

    /** Where anybody's consumer has claimed memory or CPUs; empty if it has claimed none, or does not exist. */
    public Set<UUID> hostsOf(UUID consumer) throws ServiceException {
        Answer answer = send("GET", "/allocations/" + consumer, null).orThrow();
        Set<UUID> hosts = new TreeSet<>();
        JsonNode allocations = object(answer, answer.json().path("allocations"), "allocations");
        for (Map.Entry<String, JsonNode> entry : allocations.properties()) {
            JsonNode resources = object(answer, entry.getValue().path("resources"), "resources");
            if (HOST_RESOURCES.stream().anyMatch(resources::has)) {
                hosts.add(uuid(answer, entry.getKey()));
            }
        }
        return hosts;
    }

    /** A host with what it has free; empty if there is no such provider. */
    public Optional<Provider> provider(String host) throws ServiceException {
        String name = hosts.byProvider().entrySet().stream()
                .filter(entry -> entry.getValue().equals(host))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse(host);
        Answer answer =
                send("GET", "/resource_providers?name=" + encode(name), null).orThrow();
        for (JsonNode node : list(answer)) {
            if (text(answer, node.path("name")).equals(name)) {
                UUID uuid = uuid(answer, node.path("uuid"));
                return Optional.of(new Provider(uuid, host, freeMb(uuid), Set.of()));
            }
        }
        return Optional.empty();
    }

    private long freeMb(UUID provider) throws ServiceException {
        Answer inventories = send("GET", "/resource_providers/" + provider + "/inventories", null)
                .orThrow();
        JsonNode memory = inventories.json().path("inventories").path(MEMORY);
        if (memory.isMissingNode()) {
            return 0;
        }
        JsonNode ratio = memory.path("allocation_ratio");
        if (!ratio.isNumber()) {
            throw inventories.malformed("allocation_ratio is not a number");
        }
        long total = number(inventories, memory.path("total")) - number(inventories, memory.path("reserved"));
        long capacity = BigDecimal.valueOf(total)
                .multiply(ratio.decimalValue())
                .setScale(0, RoundingMode.FLOOR)
                .longValue();
        Answer usages =
                send("GET", "/resource_providers/" + provider + "/usages", null).orThrow();
        return capacity - number(usages, usages.json().path("usages").path(MEMORY));
    }

    /** What a consumer has claimed of MEMORY_MB. */
    public Claims claims(UUID consumer) throws ServiceException {
        Answer answer = send("GET", "/allocations/" + consumer, null).orThrow();
        JsonNode body = answer.json();
        JsonNode allocations = object(answer, body.path("allocations"), "allocations");
        if (allocations.isEmpty()) {
            return Claims.NONE;
        }
        Map<UUID, Long> memory = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry : allocations.properties()) {
            memory.put(
                    uuid(answer, entry.getKey()),
                    number(answer, entry.getValue().path("resources").path(MEMORY)));
        }
        return new Claims(
                memory,
                number(answer, body.path("consumer_generation")),
                text(answer, body.path("project_id")),
                text(answer, body.path("user_id")),
                text(answer, body.path("consumer_type")));
    }

    /** What anybody's consumer has claimed of each provider's MEMORY_MB; empty if it claims none, or does not exist. */
    public List<Long> claimedMb(UUID consumer) throws ServiceException {
        Answer answer = send("GET", "/allocations/" + consumer, null).orThrow();
        List<Long> claimed = new ArrayList<>();
        for (JsonNode allocation : object(answer, answer.json().path("allocations"), "allocations")) {
            JsonNode resources = object(answer, allocation.path("resources"), "resources");
            if (resources.has(MEMORY)) { // Nova claims disk, say, of other providers
                claimed.add(number(answer, resources.path(MEMORY)));
            }
        }
        return claimed;
    }

    /** What each consumer has claimed of a provider's MEMORY_MB; empty if there is no such provider any more. */
    public Map<UUID, Claimed> claimsOn(UUID provider) throws ServiceException {
        Answer answer = send("GET", "/resource_providers/" + provider + "/allocations", null);
        if (answer.saysThereIsNone()) {
            return Map.of();
        }
        JsonNode allocations = object(answer.orThrow(), answer.json().path("allocations"), "allocations");
        Map<UUID, Claimed> byConsumer = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : allocations.properties()) {
            JsonNode memory = entry.getValue().path("resources").path(MEMORY);
            if (!memory.isMissingNode()) {
                long generation = number(answer, entry.getValue().path("consumer_generation"));
                byConsumer.put(uuid(answer, entry.getKey()), new Claimed(number(answer, memory), generation));
            }
        }
        return byConsumer;
    }

    /**
     * Replaces all that a consumer has claimed, in one step; nothing at all deletes the consumer.
     *
     * @param wanted with the generation that was read before
     * @throws ConcurrentUpdateException if somebody else was faster
     * @throws NoCapacityException if there is no room
     * @throws ServiceException of kind NOT_FOUND if a provider does not exist
     */
    public void replace(UUID consumer, Claims wanted)
            throws ServiceException, ConcurrentUpdateException, NoCapacityException {
        Map<String, Object> allocations = new TreeMap<>();
        wanted.memoryMb()
                .forEach((provider, mb) ->
                        allocations.put(provider.toString(), Map.of("resources", Map.of(MEMORY, mb))));
        Map<String, @Nullable Object> body = new LinkedHashMap<>();
        body.put("allocations", allocations);
        body.put("consumer_generation", wanted.generation());
        body.put("project_id", wanted.projectId());
        body.put("user_id", wanted.userId());
        body.put("consumer_type", wanted.type());
        Answer answer = send("PUT", "/allocations/" + consumer, body);
        if (answer.status() == 409) {
            ServiceException why = answer.failure();
            if (why.code().equals(CONCURRENT_UPDATE)) {
                throw new ConcurrentUpdateException(why.text());
            }
            if (why.code().isEmpty()) {
                throw why; // not Placement's words
            }
            throw new NoCapacityException(why.text());
        }
        if (answer.status() == 400 && answer.failure().text().contains("does not exist")) {
            throw new ServiceException(Kind.NOT_FOUND, "", answer.failure().text());
        }
        if (answer.orThrow().status() != 204) {
            throw answer.malformed("HTTP " + answer.status() + " instead of 204");
        }
    }

    // ---- sending and reading

    /** A token that is no longer accepted is replaced, once. */
    private Answer send(String method, String path, @Nullable Object body) throws ServiceException {
        String token = credentials.token();
        Answer answer = sendWith(token, method, path, body);
        if (answer.status() != 401) {
            return answer;
        }
        credentials.rejected(token);
        return sendWith(credentials.token(), method, path, body);
    }

    private Answer sendWith(String token, String method, String path, @Nullable Object body) throws ServiceException {
        URI uri = URI.create(credentials.endpoint("placement") + path);
        return caller.send(method, uri, Map.of("X-Auth-Token", token, "OpenStack-API-Version", MICROVERSION), body);
    }

    private static String encode(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }

    private static List<JsonNode> list(Answer answer) throws ServiceException {
        JsonNode nodes = answer.json().path("resource_providers");
        if (!nodes.isArray()) {
            throw answer.malformed("resource_providers is not a list");
        }
        List<JsonNode> all = new ArrayList<>();
        nodes.forEach(all::add);
        return all;
    }

    private static JsonNode object(Answer answer, JsonNode node, String field) throws ServiceException {
        if (!node.isObject()) {
            throw answer.malformed(field + " is not an object");
        }
        return node;
    }

    private static UUID uuid(Answer answer, JsonNode node) throws ServiceException {
        return uuid(answer, text(answer, node));
    }

    private static UUID uuid(Answer answer, String text) throws ServiceException {
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            throw answer.malformed("not a uuid: " + text);
        }
    }

    private static String text(Answer answer, JsonNode node) throws ServiceException {
        if (!node.isTextual()) {
            throw answer.malformed("a text is missing");
        }
        return node.textValue();
    }

    private static long number(Answer answer, JsonNode node) throws ServiceException {
        if (!node.isIntegralNumber() || !node.canConvertToLong() || node.longValue() < 0) {
            throw answer.malformed("a number is missing");
        }
        return node.longValue();
    }
}
