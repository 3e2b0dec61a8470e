package org.splitmem.bridge.placement;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.glassfish.grizzly.http.server.HttpHandler;
import org.glassfish.grizzly.http.server.HttpServer;
import org.glassfish.grizzly.http.server.NetworkListener;
import org.glassfish.grizzly.http.server.Request;
import org.glassfish.grizzly.http.server.Response;
import org.splitmem.model.Json;

/**
 * Placement in memory, with what matters here: capacities, consumers with generations and types, one atomic PUT, and collisions of writers
 * (a part of the PUTs, by chance, is told that a provider's generation changed).
 */
public final class FakePlacement implements AutoCloseable {
    private static final class Host {
        private final UUID uuid = UUID.randomUUID();
        private long capacity;
        private boolean lends;
        private final Set<String> aggregates = new TreeSet<>();
        private final Set<String> traits = new TreeSet<>();
    }

    /** A consumer, as it stands in the books. */
    public static final class Consumer {
        private long generation;
        private String project = "";
        private String user = "";
        private String type = "";
        private final Map<UUID, Long> memory = new TreeMap<>();
    }

    private final Map<String, Host> hosts = new TreeMap<>();
    private final Map<UUID, Consumer> consumers = new TreeMap<>();
    private final Random random = new Random(7);
    private final HttpServer server = new HttpServer();
    private int collisionsPercent;
    private int blindWrites;
    private int brokenWrites;
    private boolean down;
    private final Set<UUID> unreadable = new TreeSet<>();
    private boolean overbooked;
    private String interrupted = "";
    private Interruption interruption = () -> {};

    /** What somebody else does in between. */
    public interface Interruption {
        void happen() throws Exception;
    }

    private String late = "";
    private long lateMs;

    public FakePlacement() throws IOException {
        NetworkListener listener = new NetworkListener("placement", "127.0.0.1", 0);
        server.addListener(listener);
        server.getServerConfiguration().addHttpHandler(new Handler(), "/");
        server.start();
    }

    public String url() {
        return "http://127.0.0.1:" + server.getListener("placement").getPort();
    }

    @Override
    public void close() {
        server.shutdownNow();
    }

    // ---- the world

    public synchronized FakePlacement host(String name, long memoryMb, boolean lends, String... aggregates) {
        Host host = hosts.computeIfAbsent(name, key -> new Host());
        host.capacity = memoryMb;
        host.lends = lends;
        host.aggregates.addAll(List.of(aggregates));
        return this;
    }

    public synchronized void traits(String name, String... traits) {
        host(name).traits.addAll(List.of(traits));
    }

    /** The next writes do not look at capacities: as the real one was seen to do. */
    public synchronized void blindWrites(int count) {
        blindWrites = count;
    }

    /** The next writes are made, and answered with 500. */
    public synchronized void brokenWrites(int count) {
        brokenWrites = count;
    }

    public synchronized void collisions(int percent) {
        collisionsPercent = percent;
    }

    public synchronized void down(boolean isDown) {
        down = isDown;
    }

    /** What this consumer has claimed is answered with 500. */
    public synchronized void unreadable(UUID consumer) {
        unreadable.add(consumer);
    }

    /** Before the next GET or PUT of what a consumer has claimed is answered, this happens first. */
    public synchronized void before(String method, UUID consumer, Interruption what) {
        interrupted = method + " /allocations/" + consumer;
        interruption = what;
    }

    /** What the next request for a consumer's claims asks is done, and answered so much later. */
    public synchronized void answersLate(String method, UUID consumer, long ms) {
        late = method + " /allocations/" + consumer;
        lateMs = ms;
    }

    private synchronized long latenessMs(String request) {
        if (!request.equals(late)) {
            return 0;
        }
        late = "";
        return lateMs;
    }

    private synchronized Interruption interruption(String request) {
        if (!request.equals(interrupted)) {
            return () -> {};
        }
        interrupted = "";
        return interruption;
    }

    /** As Nova does with an instance that is deleted. */
    public synchronized void unclaim(UUID consumer) {
        consumers.remove(consumer);
    }

    /** As Nova claims for an instance, or anybody else for anything. */
    public synchronized void claim(UUID consumer, String type, String host, long mb) {
        Consumer entry = consumers.computeIfAbsent(consumer, key -> new Consumer());
        entry.type = type;
        entry.project = "project";
        entry.user = "user";
        entry.generation++;
        entry.memory.put(host(host).uuid, mb);
    }

    private Host host(String name) {
        Host host = hosts.get(name);
        if (host == null) {
            throw new IllegalArgumentException("no such host: " + name);
        }
        return host;
    }

    /** What a consumer has claimed, by host. */
    public synchronized Map<String, Long> claimsOf(UUID consumer) {
        Map<String, Long> byHost = new TreeMap<>();
        Consumer entry = consumers.get(consumer);
        if (entry != null) {
            hosts.forEach((name, host) -> {
                if (entry.memory.containsKey(host.uuid)) {
                    byHost.put(name, entry.memory.get(host.uuid));
                }
            });
        }
        return byHost;
    }

    public synchronized String typeAndOwner(UUID consumer) {
        Consumer entry = consumers.get(consumer);
        return entry == null ? "" : entry.type + " " + entry.project + " " + entry.user;
    }

    public synchronized int consumers() {
        return consumers.size();
    }

    public synchronized long usedMb(String host) {
        return used(host(host));
    }

    public synchronized boolean everOverbooked() {
        return overbooked;
    }

    private long used(Host host) {
        return consumers.values().stream()
                .mapToLong(c -> c.memory.getOrDefault(host.uuid, 0L))
                .sum();
    }

    // ---- the API

    private final class Handler extends HttpHandler {
        @Override
        public void service(Request request, Response response) throws Exception {
            byte[] body = request.getInputStream().readAllBytes();
            String path = request.getRequestURI();
            interruption(request.getMethod().getMethodString() + " " + path).happen();
            Reply reply = answer(request.getMethod().getMethodString(), path, request, body);
            Thread.sleep(latenessMs(request.getMethod().getMethodString() + " " + path));
            response.setStatus(reply.status);
            response.setContentType("application/json");
            byte[] text = Json.writeBytes(reply.body);
            if (reply.status != 204) {
                response.setContentLength(text.length);
                response.getOutputStream().write(text);
            }
        }
    }

    private record Reply(int status, Object body) {}

    private synchronized Reply answer(String method, String path, Request request, byte[] body) {
        if (down) {
            return new Reply(503, Map.of());
        }
        if (!"placement 1.39".equals(request.getHeader("OpenStack-API-Version"))) {
            return error(406, "placement.undefined_code", "wrong microversion");
        }
        String[] parts = path.substring(1).split("/");
        return switch (method + " " + parts[0]) {
            case "GET " -> new Reply(200, Map.of("versions", List.of(Map.of("max_version", "1.39"))));
            case "PUT traits" -> new Reply(204, Map.of());
            case "GET resource_providers" -> parts.length == 1 ? providers(request) : provider(parts);
            case "GET allocation_candidates" -> candidates(request);
            case "GET allocations" -> allocations(UUID.fromString(parts[1]));
            case "PUT allocations" -> put(UUID.fromString(parts[1]), body);
            default -> error(404, "placement.undefined_code", "no such path " + path);
        };
    }

    private static Reply error(int status, String code, String detail) {
        return new Reply(status, Map.of("errors", List.of(Map.of("status", status, "detail", detail, "code", code))));
    }

    private Collection<Map.Entry<String, Host>> matching(Request request) {
        List<Map.Entry<String, Host>> matching = new ArrayList<>();
        String aggregate = request.getParameter("member_of");
        String name = request.getParameter("name");
        String trait = request.getParameter("required");
        for (Map.Entry<String, Host> entry : hosts.entrySet()) {
            Host host = entry.getValue();
            if ((trait == null || (trait.equals(PlacementClient.LENDER) ? host.lends : host.traits.contains(trait)))
                    && (aggregate == null || host.aggregates.contains(aggregate))
                    && (name == null || name.equals(entry.getKey()))) {
                matching.add(entry);
            }
        }
        return matching;
    }

    private Reply providers(Request request) {
        List<Object> list = new ArrayList<>();
        for (Map.Entry<String, Host> entry : matching(request)) {
            list.add(Map.of("name", entry.getKey(), "uuid", entry.getValue().uuid, "generation", 1));
        }
        return new Reply(200, Map.of("resource_providers", list));
    }

    private Reply candidates(Request request) {
        Map<String, Object> summaries = new TreeMap<>();
        for (Map.Entry<String, Host> entry : matching(request)) {
            Host host = entry.getValue();
            long used = used(host);
            if (used < host.capacity) {
                Map<String, Long> memory = Map.of("capacity", host.capacity, "used", used);
                summaries.put(
                        host.uuid.toString(), Map.of("resources", Map.of("MEMORY_MB", memory), "traits", host.traits));
            }
        }
        return new Reply(200, Map.of("allocation_requests", List.of(), "provider_summaries", summaries));
    }

    private Reply provider(String[] parts) {
        UUID uuid = UUID.fromString(parts[1]);
        Host host = hosts.values().stream()
                .filter(h -> h.uuid.equals(uuid))
                .findFirst()
                .orElse(null);
        if (host == null) {
            return error(404, "placement.undefined_code", "No such resource provider");
        }
        return switch (parts[2]) {
            case "inventories" ->
                new Reply(
                        200,
                        Map.of(
                                "inventories",
                                Map.of(
                                        "MEMORY_MB",
                                        Map.of("total", host.capacity + 512, "reserved", 512, "allocation_ratio", 1.0)),
                                "resource_provider_generation",
                                1));
            case "usages" -> new Reply(200, Map.of("usages", Map.of("MEMORY_MB", used(host))));
            default -> claimsOn(uuid);
        };
    }

    private Reply claimsOn(UUID provider) {
        Map<String, Object> byConsumer = new TreeMap<>();
        consumers.forEach((uuid, consumer) -> {
            Long mb = consumer.memory.get(provider);
            if (mb != null) {
                byConsumer.put(
                        uuid.toString(),
                        Map.of("resources", Map.of("MEMORY_MB", mb), "consumer_generation", consumer.generation));
            }
        });
        return new Reply(200, Map.of("allocations", byConsumer, "resource_provider_generation", 1));
    }

    private Reply allocations(UUID uuid) {
        if (unreadable.contains(uuid)) {
            return error(500, "placement.undefined_code", "database is locked");
        }
        Consumer consumer = consumers.get(uuid);
        if (consumer == null) {
            return new Reply(200, Map.of("allocations", Map.of()));
        }
        Map<String, Object> allocations = new TreeMap<>();
        consumer.memory.forEach((host, mb) ->
                allocations.put(host.toString(), Map.of("generation", 1, "resources", Map.of("MEMORY_MB", mb))));
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("allocations", allocations);
        body.put("consumer_generation", consumer.generation);
        body.put("project_id", consumer.project);
        body.put("user_id", consumer.user);
        body.put("consumer_type", consumer.type);
        return new Reply(200, body);
    }

    private Reply put(UUID uuid, byte[] utf8) {
        JsonNode body = Json.read(new String(utf8, StandardCharsets.UTF_8), JsonNode.class);
        Consumer old = consumers.get(uuid);
        JsonNode generation = body.path("consumer_generation");
        boolean stale = old == null ? !generation.isNull() : generation.longValue() != old.generation;
        if (stale || random.nextInt(100) < collisionsPercent) {
            return error(409, "placement.concurrent_update", "generation conflict");
        }
        boolean blind = blindWrites > 0;
        blindWrites -= blind ? 1 : 0;
        Map<UUID, Long> wanted = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry : body.path("allocations").properties()) {
            wanted.put(
                    UUID.fromString(entry.getKey()),
                    entry.getValue().path("resources").path("MEMORY_MB").longValue());
        }
        for (Map.Entry<UUID, Long> entry : wanted.entrySet()) {
            Host host = hosts.values().stream()
                    .filter(h -> h.uuid.equals(entry.getKey()))
                    .findFirst()
                    .orElse(null);
            if (host == null) {
                return error(400, "placement.undefined_code", "Allocation for resource provider that does not exist");
            }
            long before = old == null ? 0 : old.memory.getOrDefault(entry.getKey(), 0L);
            if (!blind && entry.getValue() > before && used(host) - before + entry.getValue() > host.capacity) {
                return error(409, "placement.undefined_code", "Unable to allocate inventory: over capacity");
            }
        }
        store(uuid, body, wanted);
        boolean broken = brokenWrites > 0;
        brokenWrites -= broken ? 1 : 0;
        return broken ? error(500, "placement.undefined_code", "after the fact") : new Reply(204, Map.of());
    }

    private void store(UUID uuid, JsonNode body, Map<UUID, Long> wanted) {
        if (wanted.isEmpty()) {
            consumers.remove(uuid);
            return;
        }
        Consumer consumer = consumers.computeIfAbsent(uuid, key -> new Consumer());
        consumer.generation++;
        consumer.project = body.path("project_id").asText();
        consumer.user = body.path("user_id").asText();
        consumer.type = body.path("consumer_type").asText();
        consumer.memory.clear();
        consumer.memory.putAll(wanted);
        overbooked |= hosts.values().stream().anyMatch(host -> used(host) > host.capacity);
    }
}
