package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.migration.MigrationConfig;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationKind;
import org.splitmem.model.OperationState;
import org.splitmem.model.RefusedException;

/**
 * Whole hosts in this process, and what happens to them: real daemons with real sockets, files and userfaultfds; only QEMU and
 * libvirt are played. An event happens at a named fault point, while the thread that came to it waits.
 */
final class Simulation implements AutoCloseable {
    static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    private static final long LIMIT_NS = 30_000_000_000L;
    private static final long STEP_NS = 2_000_000L;
    private static final int UPKEEP_STEPS = 5;

    /** What happens at a fault point. */
    interface Event {
        void happen(SimDaemon at) throws Exception;
    }

    private static final MigrationConfig MIGRATION = new MigrationConfig(2, 0, 1, 20, 256, 4);

    private final Path directory;
    private final MigrationConfig migration;
    private final List<SimHost> hosts = new ArrayList<>();
    private final Map<String, SimHost> byName = new ConcurrentHashMap<>();
    private final Map<FaultPoint, Event> events = new ConcurrentHashMap<>();
    private final Map<SimHost, Queue<SimQemu>> qemus = new ConcurrentHashMap<>();
    private final Set<FaultPoint> happened = ConcurrentHashMap.newKeySet();
    private volatile @Nullable FaultPoint readyUntil;
    private final Map<Role, Boolean> died = new ConcurrentHashMap<>();
    private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    private final Queue<Thread> burials = new ConcurrentLinkedQueue<>();
    private final ThreadGroup threads = Thread.currentThread().getThreadGroup();

    Simulation(Path directory, int subHosts) throws Exception {
        this(directory, subHosts, MIGRATION);
    }

    Simulation(Path directory, int subHosts, MigrationConfig migration) throws Exception {
        this.directory = directory;
        this.migration = migration;
        for (int i = 1; i <= 2 + subHosts; i++) {
            SimHost host = new SimHost(this, "h" + i, directory.resolve("h" + i));
            hosts.add(host);
            byName.put(host.name(), host);
        }
    }

    Path directory() {
        return directory;
    }

    MigrationConfig migration() {
        return migration;
    }

    SimHost host(Role role) {
        return hosts.get(
                switch (role) {
                    case SOURCE -> 0;
                    case DESTINATION -> 1;
                    case SUB_HOST -> 2;
                });
    }

    /** @throws IOException if there is none: the text is what a daemon says of a host it does not know */
    SimHost host(String name) throws IOException {
        SimHost host = byName.get(name);
        if (host == null) {
            throw new IOException("host " + name + " is not among the peers of splitmem.conf");
        }
        return host;
    }

    List<SimHost> hosts() {
        return List.copyOf(hosts);
    }

    List<SimHost> subHosts() {
        return hosts.subList(2, hosts.size());
    }

    // ---- events

    /** The event happens once, when a daemon first comes to the point. */
    void at(FaultPoint point, Event event) {
        events.put(point, event);
    }

    /** The event happens each time that a daemon comes to the point. */
    void always(FaultPoint point, Event event) {
        at(point, at -> {
            always(point, event);
            event.happen(at);
        });
    }

    /** A migration that is ready goes on only once a daemon has come to the point: the guest needs a while to bring that about. */
    void readyUntil(FaultPoint point) {
        readyUntil = point;
    }

    boolean isReadyLongEnough() {
        FaultPoint point = readyUntil;
        return point == null || happened.contains(point);
    }

    Set<FaultPoint> happened() {
        return happened.isEmpty() ? EnumSet.noneOf(FaultPoint.class) : EnumSet.copyOf(happened);
    }

    void reached(SimDaemon daemon, FaultPoint point) {
        Event event = events.remove(point);
        if (event == null) {
            return;
        }
        happened.add(point);
        try {
            event.happen(daemon);
        } catch (Killed | Bug e) {
            throw e;
        } catch (Exception e) {
            failed("the event at " + point + " failed", e);
        }
    }

    /** Ends a host's daemon at once; a new one starts as soon as nothing of it is left. */
    Event killing(Role role) {
        return at -> kill(role, at);
    }

    private void kill(Role role, SimDaemon at) throws InterruptedException {
        SimHost victim = host(role);
        if (!victim.die()) {
            return;
        }
        died.put(role, true);
        CountDownLatch buried = new CountDownLatch(1);
        // In the simulation's own group: the victim is buried when its group is empty.
        Thread burial = new Thread(threads, () -> bury(victim, buried), "burial-" + victim.name());
        burials.add(burial);
        burial.start();
        while (!at.isDead() && !buried.await(1, TimeUnit.MILLISECONDS)) {
            at.requireAlive();
        }
    }

    private void bury(SimHost victim, CountDownLatch buried) {
        try {
            victim.buryDaemon();
            victim.restart();
        } catch (Exception | AssertionError e) {
            failed(victim.name() + " could not be restarted", e);
        } finally {
            buried.countDown();
        }
    }

    boolean hasDied(Role role) {
        return died.containsKey(role);
    }

    /** What a daemon throws that has one. */
    private static final class Bug extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Bug() {
            super("a bug");
        }
    }

    /** Whoever came to the point fails as no code expects. */
    static Event bug() {
        return at -> {
            throw new Bug();
        };
    }

    /** All data connections of a host are reset. */
    Event resetting(Role role) {
        return at -> {
            SimHost victim = host(role);
            if (victim.isUp()) {
                victim.daemon().reset();
            }
        };
    }

    /** Somebody asks to give the migration up. */
    Event aborting() {
        return at -> {
            SimHost source = host(Role.SOURCE);
            if (!source.isUp()) {
                return;
            }
            MigrationService migrations = source.daemon().migrations();
            for (MigrationInfo info : migrations.list()) {
                try {
                    migrations.abort(info.id(), "somebody asked for it");
                } catch (RefusedException e) {
                    assertThat(e.code()).isEqualTo("handed-over");
                }
            }
        };
    }

    void failed(String what, Throwable why) {
        failures.add(new AssertionError(what, why));
    }

    // ---- guests

    void opened(SimHost host, SimQemu qemu) {
        qemusOf(host).add(qemu);
    }

    /** Whether QEMU sends its guest somewhere. */
    boolean isMigrating(Role role) {
        return qemusOf(host(role)).stream().anyMatch(qemu -> qemu.monitor().isMigrating());
    }

    void cutMonitors(SimHost host) {
        qemusOf(host).forEach(qemu -> qemu.monitor().cut());
    }

    private Queue<SimQemu> qemusOf(SimHost host) {
        return qemus.computeIfAbsent(host, h -> new ConcurrentLinkedQueue<>());
    }

    // ---- time

    /** Waits, while all hosts do their upkeep, and nothing that must hold is broken. */
    void await(String what, Callable<Boolean> condition) throws Exception {
        await(what, 0, condition);
    }

    /** @param laterNs how much later it is for the hosts' upkeep */
    void await(String what, long laterNs, Callable<Boolean> condition) throws Exception {
        long endNs = System.nanoTime() + LIMIT_NS;
        for (int step = 0; !holds(condition); step++) {
            check();
            if (step % UPKEEP_STEPS == 0) {
                upkeep(laterNs);
            }
            if (System.nanoTime() > endNs) {
                throw new AssertionError("not within 30 s: " + what + "; " + this);
            }
            LockSupport.parkNanos(STEP_NS);
        }
        check();
    }

    /** False while a host that it asks for is dead. */
    private static boolean holds(Callable<Boolean> condition) throws Exception {
        try {
            return condition.call();
        } catch (IOException e) {
            return false;
        }
    }

    private void upkeep(long laterNs) throws Exception {
        for (SimHost host : hosts) {
            SimDaemon daemon = null;
            try {
                daemon = host.daemon();
                daemon.upkeep(System.nanoTime() + laterNs);
            } catch (IOException e) {
                if (daemon != null && !daemon.isDead()) { // else it died, and another may have taken its place since
                    throw e;
                }
            }
        }
    }

    /** Returns once who died is there again. */
    void awaitRestarts() throws Exception {
        await("all hosts are up", () -> hosts.stream().allMatch(SimHost::isUp));
        joinBurials();
    }

    private void joinBurials() throws InterruptedException {
        Thread burial;
        while ((burial = burials.poll()) != null) {
            burial.join();
        }
    }

    // ---- what must hold

    /** At any time. */
    void check() throws IOException {
        Throwable failure = failures.peek();
        if (failure != null) {
            throw new AssertionError(failure.getMessage() + "; " + this, failure);
        }
        assertThat(owners()).as("owners at once: %s", this).hasSizeLessThanOrEqualTo(1);
        for (SimHost host : hosts) {
            if (host.isUp()) {
                MemoryServer server = host.daemon().server();
                long before = server.lentBytes(); // a store may come or go meanwhile
                long held = server.heldBytes();
                assertThat(held)
                        .as("held by %s", host.name())
                        .isLessThanOrEqualTo(Math.max(before, server.lentBytes()));
            }
        }
    }

    /** The hosts whose daemon takes the VM for its own. */
    List<String> owners() throws IOException {
        List<String> owners = new ArrayList<>();
        for (SimHost host : hosts) {
            VmRecord.Phase phase = phaseAt(host);
            boolean own = phase == VmRecord.Phase.LOCAL || phase == VmRecord.Phase.PAGED;
            // A plain migration's QEMU is one of a LOCAL VM, too, before it has received anything.
            if (own && qemusOf(host).stream().anyMatch(SimQemu::isOfGuest)) {
                owners.add(host.name());
            }
        }
        return owners;
    }

    VmRecord.@Nullable Phase phaseAt(SimHost host) throws IOException {
        try {
            Vm vm = host.daemon().vms().find(VM);
            return vm == null ? null : vm.record().phase();
        } catch (IOException e) {
            return null; // it is dead just now
        }
    }

    /** Each migration that a daemon remembers is over, and says why. */
    void requireMigrationsOver() throws IOException {
        for (SimHost host : hosts) {
            for (MigrationInfo info : host.daemon().migrations().list()) {
                assertThat(info.phase().isOver()).as("%s", info).isTrue();
                assertThat(info.phase() == MigrationPhase.DONE || info.reason() != null)
                        .as("%s", info)
                        .isTrue();
            }
        }
    }

    /** Each operation has ended, on each host, also those that a daemon which was killed had begun. */
    void awaitOperationsOver() throws Exception {
        await("no operation is under way", () -> {
            for (SimHost host : hosts) {
                if (!host.daemon().operations().list(false).isEmpty()) {
                    return false;
                }
            }
            return true;
        });
        for (SimHost host : hosts) {
            for (OperationInfo info : host.daemon().operations().list(true)) {
                assertThat(info.state() == OperationState.DONE || info.reason() != null)
                        .as("%s", info)
                        .isTrue();
            }
        }
    }

    /** What became of operations of one kind on a host. */
    List<OperationInfo> operations(Role role, OperationKind kind) throws IOException {
        return host(role).daemon().operations().list(true).stream()
                .filter(info -> info.kind() == kind)
                .toList();
    }

    /** Nothing of the VM is anywhere. */
    boolean isClean() throws IOException {
        return isCleanBut(null);
    }

    /** Nothing of the VM is anywhere but on its own host. */
    boolean isCleanBut(@Nullable SimHost owner) throws IOException {
        for (SimHost host : hosts) {
            SimDaemon daemon = host.daemon();
            if (daemon.server().lentBytes() > 0 || host.filesKept() > (host == owner ? 1 : 0)) {
                return false;
            }
        }
        return true;
    }

    @Override
    public String toString() {
        Map<String, String> all = new TreeMap<>();
        for (SimHost host : hosts) {
            try {
                SimDaemon d = host.daemon();
                all.put(
                        host.name(),
                        phaseAt(host) + ", lent " + d.server().lentBytes() + ", held "
                                + d.server().heldBytes() + ", files " + host.filesKept() + ", "
                                + d.migrations().list().stream()
                                        .map(m -> m.phase() + ": " + m.reason())
                                        .toList() + ", "
                                + d.operations().list(true).stream()
                                        .map(o -> o.kind() + " " + o.state() + ": " + o.reason())
                                        .toList());
            } catch (IOException e) {
                all.put(host.name(), "dead");
            }
        }
        return all + ", events at " + happened;
    }

    @Override
    public void close() throws IOException {
        for (Queue<SimQemu> of : qemus.values()) {
            for (SimQemu qemu : of) {
                qemu.close();
            }
        }
        try {
            joinBurials();
            for (SimHost host : hosts) {
                if (host.die()) {
                    host.buryDaemon();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (Exception e) {
            throw new IOException("a simulated host could not be ended: " + e.getMessage(), e);
        }
    }
}
