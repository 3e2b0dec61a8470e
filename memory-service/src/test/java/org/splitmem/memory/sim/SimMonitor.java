package org.splitmem.memory.sim;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.ListeningSocket;
import org.splitmem.memory.linux.NativeBlock;
import org.splitmem.memory.linux.StreamSocket;
import org.splitmem.memory.sim.machine.Scheduler;
import org.splitmem.memory.sim.machine.SimProcess;

/** The QMP monitor of a simulated QEMU. */
final class SimMonitor {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<String> MIGRATING = Set.of("setup", "active", "pre-switchover", "device", "cancelling");

    private final SimProcess process;
    private final Path path;
    private final Scheduler scheduler = Scheduler.here();
    private final List<StreamSocket> clients = new CopyOnWriteArrayList<>();
    private volatile Runnable whenCancelled = () -> {};
    private volatile boolean ignoresShared;
    private volatile boolean running;
    private volatile boolean hasRun;
    private volatile boolean loaded;
    private volatile String migration = "";

    SimMonitor(SimProcess process, Path path) {
        this.process = process;
        this.path = path;
    }

    /** On a thread of its QEMU. */
    void listen() throws IOException {
        Files.deleteIfExists(path);
        ListeningSocket listener = ListeningSocket.unix(path.toString());
        scheduler.begin(process, "monitor", () -> accept(listener));
    }

    private void accept(ListeningSocket listener) {
        try {
            StreamSocket client;
            while ((client = listener.accept()) != null) {
                StreamSocket one = client;
                scheduler.begin(process, "monitor-client", () -> serve(one));
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private void serve(StreamSocket client) {
        try (client) {
            send(client, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}");
            clients.add(client);
            NativeBlock room = new NativeBlock(4096);
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            int bytes;
            while ((bytes = client.receiveSome(room)) > 0) {
                for (int i = 0; i < bytes; i++) {
                    byte next = room.buffer().get(i);
                    if (next == '\n') {
                        answer(client, JSON.readTree(line.toByteArray()));
                        line.reset();
                    } else {
                        line.write(next);
                    }
                }
            }
        } catch (IOException e) { // the daemon has ended
            scheduler.event(process + " has lost its monitor's client: " + e.getMessage());
        } finally {
            clients.remove(client);
        }
    }

    private void answer(StreamSocket client, JsonNode request) throws IOException {
        ObjectNode answer = JSON.createObjectNode().put("id", request.path("id").asLong());
        boolean sets = request.path("execute").asText().equals("migrate-set-capabilities");
        if (sets && isMigrating()) {
            answer.putObject("error").put("desc", "There's a migration process in progress");
        } else {
            if (sets) {
                ignoresShared = request.at("/arguments/capabilities/0/state").asBoolean();
            }
            answer.set("return", execute(request));
        }
        send(client, JSON.writeValueAsString(answer));
    }

    private JsonNode execute(JsonNode request) {
        ObjectNode result = JSON.createObjectNode();
        switch (request.path("execute").asText()) {
            case "query-migrate-capabilities" -> {
                return JSON.createArrayNode()
                        .add(capability("events", true))
                        .add(capability("postcopy-ram", false))
                        .add(capability("x-ignore-shared", ignoresShared));
            }
            case "qom-list" -> {
                var list = JSON.createArrayNode();
                if (request.at("/arguments/path").asText().equals("/objects")) {
                    list.add(JSON.createObjectNode().put("name", "pc.ram").put("type", "child<memory-backend-file>"));
                }
                return list;
            }
            case "query-named-block-nodes" -> {
                return JSON.createArrayNode();
            }
            case "human-monitor-command" -> {
                return JSON.getNodeFactory().textNode("");
            }
            case "query-status" -> result.put("running", running).put("status", status());
            case "migrate_cancel" -> whenCancelled.run();
            case "query-version" ->
                result.putObject("qemu").put("major", 7).put("minor", 2).put("micro", 2);
            case "query-migrate" -> {
                if (!migration.isEmpty()) {
                    result.put("status", migration);
                }
            }
            default -> {} // qmp_capabilities, and what was set above
        }
        return result;
    }

    private static ObjectNode capability(String name, boolean state) {
        return JSON.createObjectNode().put("capability", name).put("state", state);
    }

    private String status() {
        if (running) {
            return "running";
        }
        return hasRun || loaded ? "paused" : "inmigrate";
    }

    private static void send(StreamSocket client, String text) throws IOException {
        byte[] bytes = (text + "\n").getBytes(StandardCharsets.UTF_8);
        NativeBlock block = new NativeBlock(bytes.length);
        block.buffer().put(0, bytes);
        synchronized (client) {
            client.send(block.address(), bytes.length, false);
            NativeBlock.keep(block);
        }
    }

    /** On a thread of its QEMU, as all that QEMU does. */
    private void event(String name, @Nullable String status) {
        ObjectNode data = JSON.createObjectNode();
        if (status != null) {
            data.put("status", status);
        }
        long us = System.currentTimeMillis() * 1000;
        ObjectNode event = JSON.createObjectNode().put("event", name);
        event.set("data", data);
        event.putObject("timestamp").put("seconds", us / 1_000_000).put("microseconds", us % 1_000_000);
        scheduler.event(process + " " + name + (status == null ? "" : " " + status));
        try {
            scheduler.begin(process, "event", () -> sendAll(event.toString())).join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private void sendAll(String event) {
        for (StreamSocket client : List.copyOf(clients)) {
            try {
                send(client, event);
            } catch (IOException e) {
                clients.remove(client);
            }
        }
    }

    void migration(String status) {
        migration = status;
        event("MIGRATION", status);
    }

    boolean isMigrating() {
        return MIGRATING.contains(migration);
    }

    /** It has read the stream to its end. */
    void load() {
        loaded = true;
        migration("completed");
    }

    void stop() {
        running = false;
        event("STOP", null);
    }

    void resume() {
        running = true;
        hasRun = true;
        event("RESUME", null);
    }

    void whenCancelled(Runnable callback) {
        whenCancelled = callback;
    }

    boolean ignoresShared() {
        return ignoresShared;
    }

    /** False for a QEMU that has only been started to receive a migration. */
    boolean hasRun() {
        return hasRun;
    }

    boolean isRunning() {
        return running;
    }
}
