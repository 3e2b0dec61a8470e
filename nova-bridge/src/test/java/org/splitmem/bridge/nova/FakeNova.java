package org.splitmem.bridge.nova;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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

/** Nova's compute API in memory, as far as it says how the cloud is cut. */
public final class FakeNova implements AutoCloseable {
    private static final class Group {
        private final UUID uuid = UUID.randomUUID();
        private String policy = "";
        private int maxPerHost = 1;
        private final List<UUID> members = new ArrayList<>();
    }

    private record Entry(UUID uuid, Map<String, String> metadata, Set<String> hosts) {}

    private final Map<String, Entry> aggregates = new TreeMap<>();
    private final Map<UUID, String> servers = new TreeMap<>();
    private final Map<UUID, Group> groups = new TreeMap<>();
    private final HttpServer server = new HttpServer();
    private int status = 200;
    private int asked;

    public FakeNova() throws IOException {
        server.addListener(new NetworkListener("nova", "127.0.0.1", 0));
        server.getServerConfiguration()
                .addHttpHandler(
                        new HttpHandler() {
                            @Override
                            public void service(Request request, Response response) throws Exception {
                                answer(request, response);
                            }
                        },
                        "/");
        server.start();
    }

    public String url() {
        return "http://127.0.0.1:" + server.getListener("nova").getPort() + "/v2.1";
    }

    @Override
    public void close() {
        server.shutdownNow();
    }

    // ---- the world

    /** @return its uuid */
    public synchronized UUID aggregate(String name, Map<String, String> metadata, String... hosts) {
        Entry entry = new Entry(UUID.randomUUID(), metadata, new TreeSet<>(Set.of(hosts)));
        aggregates.put(name, entry);
        return entry.uuid();
    }

    /** @param host absent: it is on none */
    public synchronized void server(UUID uuid, String host) {
        servers.put(uuid, host);
    }

    public synchronized void group(String policy, int maxPerHost, UUID... members) {
        Group group = new Group();
        group.policy = policy;
        group.maxPerHost = maxPerHost;
        group.members.addAll(List.of(members));
        groups.put(group.uuid, group);
    }

    /** All questions are answered with this status from now on; 200: as they should be. */
    public synchronized void answersWith(int given) {
        status = given;
    }

    public synchronized int asked() {
        return asked;
    }

    // ---- the API

    private synchronized void answer(Request request, Response response) throws IOException {
        asked++;
        String[] parts = request.getRequestURI().substring("/v2.1/".length()).split("/");
        Object body = Map.of("itemNotFound", Map.of("code", 404, "message", "none"));
        if (status != 200) {
            body = Map.of("computeFault", Map.of("code", status, "message", "not now"));
        } else if (!"compute 2.71".equals(request.getHeader("OpenStack-API-Version"))) {
            body = Map.of("badRequest", Map.of("code", 400, "message", "wrong microversion"));
        } else if (parts[0].equals("os-aggregates")) {
            body = Map.of("aggregates", aggregates());
        } else if (parts[0].equals("servers") && servers.containsKey(UUID.fromString(parts[1]))) {
            body = Map.of("server", server(UUID.fromString(parts[1])));
        } else if (parts[0].equals("os-server-groups") && groups.containsKey(UUID.fromString(parts[1]))) {
            body = Map.of("server_group", group(groups.get(UUID.fromString(parts[1]))));
        }
        String text = Json.write(body);
        response.setStatus(status != 200 ? status : text.contains("itemNotFound") ? 404 : 200);
        response.setContentType("application/json");
        response.getOutputStream().write(text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    private List<Object> aggregates() {
        List<Object> all = new ArrayList<>();
        aggregates.forEach((name, entry) -> all.add(
                Map.of("name", name, "uuid", entry.uuid(), "hosts", entry.hosts(), "metadata", entry.metadata())));
        return all;
    }

    private Map<String, Object> server(UUID uuid) {
        Map<String, Object> body = new TreeMap<>();
        body.put("id", uuid);
        body.put("OS-EXT-SRV-ATTR:host", servers.get(uuid));
        body.put(
                "server_groups",
                groups.values().stream()
                        .filter(group -> group.members.contains(uuid))
                        .map(group -> group.uuid)
                        .toList());
        return body;
    }

    private static Map<String, Object> group(Group group) {
        return Map.of(
                "id", group.uuid,
                "name", "group",
                "policy", group.policy,
                "rules", Map.of("max_server_per_host", group.maxPerHost),
                "members", group.members);
    }
}
