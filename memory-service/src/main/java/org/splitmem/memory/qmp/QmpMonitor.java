package org.splitmem.memory.qmp;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One connection to a QMP monitor. Any thread may execute; events come on the reading thread, which must not wait. */
public final class QmpMonitor implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(QmpMonitor.class);
    /** A tree of these takes 20 MB, of which a line of brackets would else take a hundred times its length; QEMU's answers have a tenth. */
    private static final int MOST_TOKENS = 200_000;

    private static final ObjectMapper JSON = new ObjectMapper(JsonFactory.builder()
            .streamReadConstraints(
                    StreamReadConstraints.builder().maxTokenCount(MOST_TOKENS).build())
            .build());
    private static final String IGNORE_SHARED = "x-ignore-shared";
    /** Where devices are that were asked for, with an id and without. */
    private static final List<String> PERIPHERALS = List.of("peripheral", "peripheral-anon");

    private static final long ANSWER_S = 20;

    private final QmpLines lines;
    private final Consumer<QmpEvent> events;
    private final Runnable whenEnded;
    private final AtomicLong ids = new AtomicLong();
    private final ConcurrentHashMap<Long, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
    private volatile @Nullable IOException ended;

    QmpMonitor(QmpLines lines, Consumer<QmpEvent> events, Runnable whenEnded) {
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

    /** Until the connection ends, from either side. */
    void read() {
        try {
            String line;
            while ((line = lines.read()) != null) {
                dispatch(parse(line));
            }
            end(new IOException("QEMU closed its monitor"));
        } catch (IOException e) {
            end(e);
        } catch (RuntimeException e) {
            log.error("handling of a QMP message failed", e);
            end(new IOException("the monitor's reader failed: " + e.getMessage(), e));
        } finally { // only now: it may wait for one that writes
            lines.close();
            if (ended == null) { // by an Error: no answer will ever be read
                failWaiting(new IOException("the monitor's reader has died"));
            }
        }
    }

    static JsonNode parse(String line) throws IOException {
        return JSON.readTree(line);
    }

    private void dispatch(JsonNode message) {
        if (message.has("event")) {
            events.accept(QmpAnswers.event(message));
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
        failWaiting(why);
    }

    private void failWaiting(IOException why) {
        ended = why;
        waiting.values().forEach(answer -> answer.completeExceptionally(why));
        waiting.clear();
    }

    /** Null as long as it is open. */
    @Nullable
    IOException whyEnded() {
        return ended;
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

    private boolean isSet(String capability) throws IOException {
        return QmpAnswers.isSet(execute("query-migrate-capabilities", JSON.createObjectNode()), capability);
    }

    /** Cancels the migration that QEMU is doing; harmless if there is none. */
    public void cancelMigration() throws IOException {
        execute("migrate_cancel", JSON.createObjectNode());
    }

    /** Whether this QEMU is sending the VM somewhere: to another host, or to a file as {@code virsh save} does. */
    public boolean isMigrating() throws IOException {
        return QmpAnswers.isMigrating(execute("query-migrate", JSON.createObjectNode()));
    }

    /** True if the guest's vCPUs run. */
    public boolean isRunning() throws IOException {
        return status().path("running").asBoolean();
    }

    /** True unless QEMU still waits for a migration stream, or for the rest of one. */
    public boolean isLoaded() throws IOException {
        return QmpAnswers.isLoaded(status());
    }

    private JsonNode status() throws IOException {
        return execute("query-status", JSON.createObjectNode());
    }

    public QemuVersion version() throws IOException {
        return QemuVersion.of(execute("query-version", JSON.createObjectNode()));
    }

    /** The types of the objects that were made for QEMU's -object, as {@code memory-backend-file}. */
    public Set<String> objectTypes() throws IOException {
        return QmpAnswers.objectTypes(qomList("/objects"));
    }

    /** All devices, network backends and block nodes that QEMU has now, also those that were plugged in later. */
    public List<QemuDevice> devices() throws IOException {
        List<QemuDevice> found = new ArrayList<>();
        for (JsonNode part : qomList("/machine")) { // one of which there is nothing may not be there
            if (PERIPHERALS.contains(part.path("name").asText())) {
                found.addAll(QmpAnswers.devices(
                        qomList("/machine/" + part.path("name").asText())));
            }
        }
        found.addAll(QmpAnswers.blockNodes(
                execute("query-named-block-nodes", JSON.createObjectNode().put("flat", true))));
        // QMP has no command of its own for them.
        found.addAll(QmpAnswers.networks(
                execute("human-monitor-command", JSON.createObjectNode().put("command-line", "info network"))
                        .asText()));
        return found;
    }

    private JsonNode qomList(String path) throws IOException {
        return execute("qom-list", JSON.createObjectNode().put("path", path));
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
