package org.splitmem.memory.qmp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.qmp.QemuDevice.Kind;

/** One connection to a QMP monitor. Any thread may execute; events come on the reading thread, which must not wait. */
public final class QmpMonitor implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(QmpMonitor.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String IGNORE_SHARED = "x-ignore-shared";
    /** Of the type of an object in a list, as in {@code child<memory-backend-file>}. */
    private static final String CHILD = "child<";

    /** Where devices are that were asked for, with an id and without. */
    private static final List<String> PERIPHERALS = List.of("peripheral", "peripheral-anon");

    private static final Pattern NETWORK = Pattern.compile("(\\S+): index=\\d+,type=([^,\\s]+)");

    /** The run state of a QEMU that was started to receive a migration. */
    private static final String WAITS_FOR_STREAM = "inmigrate";

    /** What query-migrate reports when nothing is under way. */
    private static final Set<String> MIGRATION_OVER = Set.of("none", "completed", "failed", "cancelled");

    private static final long ANSWER_S = 20;

    private final QmpLines lines;
    private final Consumer<QmpEvent> events;
    private final Runnable whenEnded;
    private final AtomicLong ids = new AtomicLong();
    private final ConcurrentHashMap<Long, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
    private volatile @Nullable IOException ended;

    private QmpMonitor(QmpLines lines, Consumer<QmpEvent> events, Runnable whenEnded) {
        this.whenEnded = whenEnded;
        this.lines = lines;
        this.events = events;
    }

    /**
     * Connects and negotiates.
     *
     * @param pid of the QEMU that has to listen there
     * @param events called for each event on the reading thread, which must not wait
     * @param whenEnded called once, when the connection has ended from either side
     * @throws IOException if that QEMU does not listen there, or another process does, or what it says is not QMP
     */
    public static QmpMonitor connect(Path socket, String vm, int pid, Consumer<QmpEvent> events, Runnable whenEnded)
            throws IOException {
        QmpLines lines = QmpLines.connect(socket, pid, TimeUnit.SECONDS.toMillis(ANSWER_S));
        QmpMonitor monitor = new QmpMonitor(lines, events, whenEnded);
        Thread thread = new Thread(monitor::read, "qmp-" + vm);
        thread.setDaemon(true);
        thread.start();
        try {
            monitor.execute("qmp_capabilities", JSON.createObjectNode());
            return monitor;
        } catch (IOException e) {
            monitor.close();
            throw e;
        }
    }

    private void read() {
        try {
            String line;
            while ((line = lines.read()) != null) {
                dispatch(JSON.readTree(line));
            }
            end(new IOException("QEMU closed its monitor"));
        } catch (IOException e) {
            end(e);
        } catch (RuntimeException e) {
            log.error("handling of a QMP message failed", e);
            end(new IOException("the monitor's reader failed: " + e.getMessage(), e));
        } finally { // only now: it may wait for one that writes
            lines.close();
        }
    }

    private void dispatch(JsonNode message) {
        if (message.has("event")) {
            JsonNode at = message.path("timestamp");
            long us = at.path("seconds").asLong() * 1_000_000L
                    + at.path("microseconds").asLong();
            events.accept(new QmpEvent(
                    message.path("event").asText(),
                    message.path("data").path("status").asText(""),
                    us));
        } else if (message.has("id")) {
            CompletableFuture<JsonNode> answer =
                    waiting.remove(message.path("id").asLong());
            if (answer != null) {
                answer.complete(message);
            }
        }
    }

    /** Who is told that a command failed, or sees that this is closed, finds told, too, that QEMU has ended. */
    private void end(IOException why) {
        whenEnded.run();
        ended = why;
        waiting.values().forEach(answer -> answer.completeExceptionally(why));
        waiting.clear();
    }

    /** False once QEMU has closed the monitor. */
    public boolean isOpen() {
        return ended == null;
    }

    /**
     * Sets whether QEMU leaves RAM that is a shared file out of its migration streams; both ends of a migration need it. Also has QEMU
     * send MIGRATION events.
     *
     * @throws IOException if QEMU refuses, does not answer in time, or confirms and has something else set afterwards
     */
    public void ignoreShared(boolean state) throws IOException {
        var arguments = JSON.createObjectNode();
        var capabilities = arguments.putArray("capabilities");
        capabilities.addObject().put("capability", IGNORE_SHARED).put("state", state);
        capabilities.addObject().put("capability", "events").put("state", true);
        execute("migrate-set-capabilities", arguments);
        if (ignoresShared() != state) {
            throw new IOException(
                    "QEMU confirmed that " + IGNORE_SHARED + " is " + onOff(state) + ", but has it " + onOff(!state));
        }
    }

    private static String onOff(boolean state) {
        return state ? "on" : "off";
    }

    /** Whether QEMU would leave shared RAM out of its next migration stream. */
    public boolean ignoresShared() throws IOException {
        return isSet(IGNORE_SHARED); // a QEMU without the capability cannot leave anything out
    }

    /** Whether QEMU's migrations may become post-copy ones. */
    public boolean mayPostCopy() throws IOException {
        return isSet("postcopy-ram");
    }

    /** False also of one that this QEMU does not have. */
    private boolean isSet(String capability) throws IOException {
        for (JsonNode one : execute("query-migrate-capabilities", JSON.createObjectNode())) {
            if (one.path("capability").asText().equals(capability)) {
                return one.path("state").asBoolean();
            }
        }
        return false;
    }

    /** Cancels the migration that QEMU is doing; harmless if there is none. */
    public void cancelMigration() throws IOException {
        execute("migrate_cancel", JSON.createObjectNode());
    }

    /** Whether this QEMU is sending the VM somewhere: to another host, or to a file as {@code virsh save} does. */
    public boolean isMigrating() throws IOException {
        String status =
                execute("query-migrate", JSON.createObjectNode()).path("status").asText("none");
        return !MIGRATION_OVER.contains(status);
    }

    /** True if the guest's vCPUs run. */
    public boolean isRunning() throws IOException {
        return status().path("running").asBoolean();
    }

    /** True unless QEMU still waits for a migration stream, or for the rest of one. */
    public boolean isLoaded() throws IOException {
        return !status().path("status").asText(WAITS_FOR_STREAM).equals(WAITS_FOR_STREAM);
    }

    private JsonNode status() throws IOException {
        return execute("query-status", JSON.createObjectNode());
    }

    public QemuVersion version() throws IOException {
        return QemuVersion.of(execute("query-version", JSON.createObjectNode()));
    }

    /** The types of the objects that were made for QEMU's -object, as {@code memory-backend-file}. */
    public Set<String> objectTypes() throws IOException {
        var types = new TreeSet<String>();
        for (JsonNode object : qomList("/objects")) {
            String type = object.path("type").asText();
            types.add(type.startsWith(CHILD) ? childType(type) : type);
        }
        return types;
    }

    /** All devices, network backends and block nodes that QEMU has now, also those that were plugged in later. */
    public List<QemuDevice> devices() throws IOException {
        List<QemuDevice> found = new ArrayList<>();
        for (JsonNode part : qomList("/machine")) { // one of which there is nothing may not be there
            if (PERIPHERALS.contains(part.path("name").asText())) {
                addDevices("/machine/" + part.path("name").asText(), found);
            }
        }
        for (JsonNode node :
                execute("query-named-block-nodes", JSON.createObjectNode().put("flat", true))) {
            found.add(new QemuDevice(
                    Kind.BLOCK,
                    node.path("node-name").asText(),
                    node.path("drv").asText(),
                    node.at("/cache/direct").asBoolean()));
        }
        addNetworks(found);
        return found;
    }

    private void addDevices(String where, List<QemuDevice> to) throws IOException {
        for (JsonNode device : qomList(where)) {
            String type = device.path("type").asText();
            if (type.startsWith(CHILD)) {
                to.add(new QemuDevice(Kind.DEVICE, device.path("name").asText(), childType(type), false));
            }
        }
    }

    private JsonNode qomList(String path) throws IOException {
        return execute("qom-list", JSON.createObjectNode().put("path", path));
    }

    /** QMP has no command of its own for them. A line is {@code hostnet0: index=0,type=tap,...}, after a backslash or spaces. */
    private void addNetworks(List<QemuDevice> to) throws IOException {
        String text = execute("human-monitor-command", JSON.createObjectNode().put("command-line", "info network"))
                .asText();
        Matcher line = NETWORK.matcher(text);
        while (line.find()) {
            to.add(new QemuDevice(Kind.NETWORK, line.group(1), line.group(2), false));
        }
    }

    private static String childType(String type) {
        return type.substring(CHILD.length(), Math.max(CHILD.length(), type.length() - 1));
    }

    /** How much RAM the migration that QEMU is doing goes through; 0 as long as that is not known, and if there is none. */
    public long migrationRamBytes() throws IOException {
        return execute("query-migrate", JSON.createObjectNode())
                .path("ram")
                .path("total")
                .asLong();
    }

    private JsonNode execute(String command, JsonNode arguments) throws IOException {
        long id = ids.incrementAndGet();
        CompletableFuture<JsonNode> answer = new CompletableFuture<>();
        waiting.put(id, answer);
        var request = JSON.createObjectNode().put("execute", command).put("id", id);
        request.set("arguments", arguments);
        try {
            lines.write(JSON.writeValueAsString(request));
        } catch (IOException e) {
            log.debug("{}: {}", command, e.getMessage());
            lines.shutdown(); // the reader finds the end, and fails this command
        }
        IOException gone = ended;
        if (gone != null) {
            throw new IOException(command + ": " + gone.getMessage(), gone);
        }
        try {
            JsonNode message = answer.get(ANSWER_S, TimeUnit.SECONDS);
            if (message.has("error")) {
                throw new IOException(command + ": QEMU refused: "
                        + message.path("error").path("desc").asText());
            }
            return message.path("return");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(command + ": interrupted", e);
        } catch (ExecutionException e) {
            throw new IOException(command + ": " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new IOException(command + ": QEMU did not answer within " + ANSWER_S + " s", e);
        } finally {
            waiting.remove(id);
        }
    }

    @Override
    public void close() {
        lines.shutdown();
    }
}
