package org.splitmem.memory.sim;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.sim.machine.Scheduler;
import org.splitmem.memory.sim.machine.SimHostOs;
import org.splitmem.memory.sim.machine.SimProcess;

/** A host: its daemon may be killed, and is started again. */
final class SimHost {
    static final int DATA_PORT = 7780;
    /** As systemd waits. */
    private static final long RESTART_NS = 100_000_000L;

    private final World world;
    private final SimHostOs os;
    private @Nullable SimDaemon daemon;
    private SimProcess process;
    private int restarts;

    SimHost(World world, SimHostOs os) {
        this.world = world;
        this.os = os;
        this.process = os.begin("splitmemd");
    }

    SimHostOs os() {
        return os;
    }

    String name() {
        return os.name();
    }

    Path memory() {
        return Path.of(os.root(), "mem");
    }

    Path shimSocket() {
        return Path.of(os.root(), "shim.sock");
    }

    Path monitorDirectory() {
        return Path.of(os.root(), "qmp");
    }

    Path monitorSocket(UUID vm) {
        return monitorDirectory().resolve(vm + ".sock");
    }

    PeerHosts.Peer asPeer() {
        return new PeerHosts.Peer(name(), os.address(), DATA_PORT);
    }

    boolean isUp() {
        return daemon != null && !process.isDead();
    }

    /** @throws IOException if it is not there now */
    SimDaemon daemon() throws IOException {
        SimDaemon now = daemon;
        if (now == null || process.isDead()) {
            throw new IOException("host " + name() + " does not answer");
        }
        return now;
    }

    /** Null if it is not there now. */
    @Nullable
    SimDaemon daemonOrNull() {
        return isUp() ? daemon : null;
    }

    int restarts() {
        return restarts;
    }

    /** Begins it, on what an earlier one has left. */
    void start() {
        Scheduler.here().begin(process, "main", () -> {
            try {
                Files.createDirectories(monitorDirectory());
                daemon = new SimDaemon(world, this, process);
            } catch (IOException e) { // as systemd does
                Scheduler.here().event(name() + ": the daemon could not start: " + e.getMessage());
                killAndRestart();
            }
        });
    }

    /** Ends its daemon at once; another one is started soon. */
    void killAndRestart() {
        SimProcess victim = process;
        if (victim.isDead()) {
            return;
        }
        daemon = null;
        restarts++;
        world.kernel().kill(victim);
        SimProcess next = os.begin("splitmemd" + restarts);
        process = next;
        world.later(RESTART_NS, () -> {
            if (!next.isDead()) {
                start();
            }
        });
    }

    /** All its processes end, what its tmpfs held is gone, and its daemon is started again. */
    void reboot() {
        daemon = null;
        restarts++;
        os.lose();
        process = os.begin("splitmemd" + restarts);
        world.later(RESTART_NS, this::start);
    }

    /** What the daemon keeps on its tmpfs, other than its own lists. On any thread. */
    List<String> filesKept() throws IOException {
        List<String> kept = new ArrayList<>();
        for (String kind : new String[] {"vms", "stores"}) {
            try (Stream<Path> files = Files.list(memory().resolve(kind))) {
                files.forEach(file -> kept.add(kind + "/" + file.getFileName()));
            }
        }
        return kept;
    }
}
