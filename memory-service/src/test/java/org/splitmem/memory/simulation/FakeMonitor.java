package org.splitmem.memory.simulation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.splitmem.memory.qmp.QemuDevice;

/** The QMP monitor of a fake QEMU: answers what the daemon asks, and says what the fake hypervisor has it say. */
public final class FakeMonitor implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final Set<String> MIGRATING = Set.of("setup", "active", "pre-switchover", "device", "cancelling");

    private final Path path;
    private final ServerSocketChannel listener;
    private final List<String> asked = new CopyOnWriteArrayList<>();
    private final List<QemuDevice> devices = new CopyOnWriteArrayList<>();
    private final Set<SocketChannel> clients = ConcurrentHashMap.newKeySet();
    private volatile Runnable whenCancelled = () -> {};
    private volatile boolean ignoresShared;
    private volatile boolean running;
    private volatile boolean hasRun;
    private volatile boolean loaded;
    private volatile String migration = "";
    private volatile int[] qemu = {7, 2};
    private volatile String backend = "memory-backend-file";
    private volatile long streamBytes;
    private volatile boolean postCopy;
    private volatile CountDownLatch answering = new CountDownLatch(0);

    public FakeMonitor(Path path) throws IOException {
        this.path = path;
        Files.deleteIfExists(path);
        listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        listener.bind(UnixDomainSocketAddress.of(path));
        start(this::accept);
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task, "fake-monitor");
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() {
        try {
            while (true) {
                SocketChannel client = listener.accept();
                start(() -> serve(client));
            }
        } catch (IOException e) {
            closeAll(); // QEMU has ended
        }
    }

    private void serve(SocketChannel client) {
        try (client) {
            send(client, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}");
            clients.add(client);
            BufferedReader lines = new BufferedReader(Channels.newReader(client, StandardCharsets.UTF_8));
            String line;
            while ((line = lines.readLine()) != null) {
                JsonNode request = JSON.readTree(line);
                asked.add(request.path("execute").asText());
                answering.await();
                ObjectNode answer =
                        JSON.createObjectNode().put("id", request.path("id").asLong());
                if (sets(request)) {
                    answer.set("return", execute(request));
                } else {
                    answer.putObject("error").put("desc", "There's a migration process in progress");
                }
                send(client, JSON.writeValueAsString(answer));
            }
        } catch (IOException e) {
            clients.remove(client); // the daemon has ended
        } catch (InterruptedException e) {
            throw new AssertionError(e); // no one interrupts this thread
        }
    }

    /** Sets what is to be set. @return false if it migrates, as QEMU refuses then; its event was sent before */
    private synchronized boolean sets(JsonNode request) {
        if (!request.path("execute").asText().equals("migrate-set-capabilities")) {
            return true;
        }
        if (isMigrating()) {
            return false;
        }
        ignoresShared = request.at("/arguments/capabilities/0/state").asBoolean();
        return true;
    }

    /** Whether it sends its guest somewhere. */
    boolean isMigrating() {
        return MIGRATING.contains(migration);
    }

    private JsonNode execute(JsonNode request) {
        ObjectNode result = JSON.createObjectNode();
        if (request.path("execute").asText().equals("query-migrate-capabilities")) {
            return JSON.createArrayNode()
                    .add(JSON.createObjectNode().put("capability", "events").put("state", true))
                    .add(JSON.createObjectNode()
                            .put("capability", "postcopy-ram")
                            .put("state", postCopy))
                    .add(JSON.createObjectNode()
                            .put("capability", "x-ignore-shared")
                            .put("state", ignoresShared));
        }
        switch (request.path("execute").asText()) {
            case "qom-list" -> {
                return objects(request.at("/arguments/path").asText());
            }
            case "query-named-block-nodes" -> {
                return blockNodes();
            }
            case "human-monitor-command" -> {
                return JSON.getNodeFactory().textNode(networks());
            }
            default -> {}
        }
        switch (request.path("execute").asText()) {
            case "query-status" -> result.put("running", running).put("status", status());
            case "migrate_cancel" -> whenCancelled.run();
            case "query-version" ->
                result.putObject("qemu")
                        .put("major", qemu[0])
                        .put("minor", qemu[1])
                        .put("micro", 2);
            case "query-migrate" -> {
                if (!migration.isEmpty()) {
                    result.put("status", migration);
                }
                if (streamBytes > 0) {
                    result.putObject("ram").put("total", streamBytes);
                }
            }
            default -> {} // qmp_capabilities
        }
        return result;
    }

    private JsonNode objects(String path) {
        ArrayNode list = JSON.createArrayNode()
                .add(JSON.createObjectNode().put("name", "type").put("type", "string"));
        switch (path) {
            case "/objects" -> list.add(child("pc.ram", backend));
            case "/machine" -> list.add(child("peripheral", "container")).add(child("unattached", "container"));
            case "/machine/peripheral" ->
                devices.stream()
                        .filter(one -> one.kind() == QemuDevice.Kind.DEVICE)
                        .forEach(one -> list.add(child(one.name(), one.driver())));
            default -> throw new IllegalArgumentException(path);
        }
        return list;
    }

    private static JsonNode child(String name, String type) {
        return JSON.createObjectNode().put("name", name).put("type", "child<" + type + ">");
    }

    private JsonNode blockNodes() {
        ArrayNode list = JSON.createArrayNode();
        for (QemuDevice one : devices) {
            if (one.kind() == QemuDevice.Kind.BLOCK) {
                ObjectNode node =
                        JSON.createObjectNode().put("node-name", one.name()).put("drv", one.driver());
                node.putObject("cache").put("writeback", true).put("direct", one.direct());
                list.add(node);
            }
        }
        return list;
    }

    private String networks() {
        StringBuilder text =
                new StringBuilder("net0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:01\r\n");
        devices.stream()
                .filter(one -> one.kind() == QemuDevice.Kind.NETWORK)
                .forEach(one -> text.append(" \\ " + one.name() + ": index=0,type=" + one.driver() + ",x=y\r\n"));
        return text.toString();
    }

    /** From now on it has this, too. */
    public void plug(QemuDevice device) {
        devices.add(device);
    }

    /** All that was plugged in is gone. */
    public void unplug() {
        devices.clear();
    }

    private String status() {
        if (running) {
            return "running";
        }
        return hasRun || loaded ? "paused" : "inmigrate";
    }

    private static void send(SocketChannel client, String text) throws IOException {
        synchronized (client) {
            ByteBuffer bytes = ByteBuffer.wrap((text + "\n").getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                client.write(bytes);
            }
        }
    }

    /** From now on it answers nothing until this is counted down. */
    public void answersAfter(CountDownLatch latch) {
        answering = latch;
    }

    /** The commands that it was sent, also those that it has not answered. */
    public List<String> asked() {
        return asked;
    }

    /** What this QEMU is, and of what kind its RAM. */
    public void is(int major, int minor, String ramBackend) {
        qemu = new int[] {major, minor};
        backend = ramBackend;
    }

    /** How much RAM QEMU's migration goes through; 0: it does not say. */
    public void streams(long bytes) {
        streamBytes = bytes;
    }

    /** libvirt has set it up for post-copy. */
    public void allowPostCopy() {
        postCopy = true;
    }

    public synchronized void migration(String status) {
        migration = status;
        event("MIGRATION", JSON.createObjectNode().put("status", status));
    }

    /** It has read the stream to its end. */
    void load() {
        loaded = true;
        migration("completed");
    }

    void stop() {
        running = false;
        event("STOP", JSON.createObjectNode());
    }

    void resume() {
        running = true;
        hasRun = true;
        event("RESUME", JSON.createObjectNode());
    }

    private void event(String name, ObjectNode data) {
        long us = System.currentTimeMillis() * 1000;
        ObjectNode event = JSON.createObjectNode().put("event", name);
        event.set("data", data);
        event.putObject("timestamp").put("seconds", us / 1_000_000).put("microseconds", us % 1_000_000);
        for (SocketChannel client : List.copyOf(clients)) {
            try {
                send(client, event.toString());
            } catch (IOException e) {
                clients.remove(client);
            }
        }
    }

    public void whenCancelled(Runnable callback) {
        whenCancelled = callback;
    }

    /** Whether RAM would be left out of a migration. */
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

    /** The daemon's ends of all connections are gone. */
    public void cut() {
        closeAll();
    }

    private void closeAll() {
        for (SocketChannel client : List.copyOf(clients)) {
            clients.remove(client);
            try {
                client.close();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        closeAll();
        Files.deleteIfExists(path);
    }
}
