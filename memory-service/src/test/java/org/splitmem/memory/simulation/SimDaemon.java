package org.splitmem.memory.simulation;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.drain.Drainer;
import org.splitmem.memory.drain.Lending;
import org.splitmem.memory.fault.Pager;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.migration.ExpectationFile;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.migration.GuestRoom;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.migration.PendingReleases;
import org.splitmem.memory.migration.SplitStarts;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.server.DataServer;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.shim.ShimServer;
import org.splitmem.memory.testing.AnyProcess;
import org.splitmem.memory.testing.Await;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.vm.PagingConfig;
import org.splitmem.memory.vm.SplitDefinitions;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.RefusedException;

/**
 * One daemon's life on a host, wired as the real one is, with all its threads in a group of their own.
 *
 * <p>It can be killed. Its sockets end at once, and its threads run on only as far as the next fault point; by then its
 * directory has another name, so that what they still try to write down is lost. What a dead process cannot do they cannot do
 * either: say goodbye, ask another host, free memory.
 */
final class SimDaemon {
    private static final Logger log = LoggerFactory.getLogger(SimDaemon.class);
    private static final long LENT_AT_MOST = 1L << 30;
    private static final long POLL_MS = 5;
    private static final long EXPECTED_MS = 600_000;
    private static final PagingConfig PAGING = new PagingConfig(new Pager.Tuning(16, 16, 16, 0), 20_000, 200_000, 1);

    private final SimHost host;
    private final Path directory;
    private final Simulation simulation;
    private final Threads threads;
    private final HostThreads askingOwners = new HostThreads("owners");
    private final SimPeers peers;
    private final VmRegistry vms;
    private final MemoryServer server;
    private final Lending lending;
    private final Operations operations;
    private final Drainer drainer;
    private final MigrationService migrations;
    private final ExpectedSplits expected;
    private final SplitStarts starts;
    private volatile DataServer data;
    private final ShimServer shims;

    /** The daemon's threads; nobody else's. */
    private static final class Threads extends ThreadGroup {
        private final Simulation simulation;
        private volatile boolean dead;

        Threads(String name, Simulation simulation) {
            super(name);
            this.simulation = simulation;
        }

        @Override
        public void uncaughtException(Thread thread, Throwable e) {
            if (!(e instanceof Killed) && !dead) {
                simulation.failed(getName() + ": thread " + thread.getName() + " ended by " + e, e);
            }
        }

        boolean isEmpty() {
            return alive().isEmpty();
        }

        /** JNA starts a thread for all wherever it is first needed. */
        List<Thread> alive() {
            Thread[] all = new Thread[activeCount() + 16];
            int n = enumerate(all);
            return Arrays.stream(all, 0, n)
                    .filter(thread -> !thread.getName().startsWith("JNA"))
                    .toList();
        }

        @Override
        public String toString() {
            return alive().stream()
                    .map(thread -> thread.getName() + Arrays.toString(thread.getStackTrace()))
                    .toList()
                    .toString();
        }
    }

    /** Starts a daemon on what an earlier one left in the directory. */
    static SimDaemon start(SimHost host, Path directory, Simulation simulation) throws Exception {
        Threads threads = new Threads(host.name(), simulation);
        FutureTask<SimDaemon> starting = new FutureTask<>(() -> new SimDaemon(host, directory, simulation, threads));
        new Thread(threads, starting, "start").start();
        return starting.get();
    }

    /** On a thread of the group, to which all others then belong. */
    private SimDaemon(SimHost host, Path directory, Simulation simulation, Threads threads) throws IOException {
        this.host = host;
        this.directory = directory;
        this.simulation = simulation;
        this.threads = threads;
        Files.createDirectories(directory);
        peers = new SimPeers(simulation, this);
        SplitDefinitions definitions = new SplitDefinitions(directory.resolve("splits"));
        vms = new VmRegistry(directory.resolve("vms"), PAGING, host.monitorDirectory(), definitions, this::reached);
        server = new MemoryServer(directory.resolve("stores"), LENT_AT_MOST, () -> LENT_AT_MOST, peers::dataPortOf);
        lending = new Lending(host.name(), LENT_AT_MOST, directory.resolve("lending.json"), peers, server);
        operations = new Operations(directory.resolve("operations"), this::reached);
        drainer = new Drainer(lending, peers, new HostThreads("main-hosts"), operations);
        migrations = new MigrationService(
                vms,
                peers,
                simulation.migration(),
                host.asPeer(),
                new PendingReleases(directory.resolve("releases.json"), peers),
                operations);
        server.tellFences(migrations::fenced);
        expected = new ExpectedSplits(
                new ExpectationFile(directory.resolve("expected.json")), definitions, EXPECTED_MS, vms, migrations);
        starts = new SplitStarts(vms, definitions, expected, migrations, new GuestRoom(vms, () -> Long.MAX_VALUE));
        vms.setStarts(starts);
        server.recover();
        vms.recover(
                vm -> {
                    expected.found(vm);
                    migrations.found(vm);
                },
                migrations::takenUp);
        starts.recovered();
        data = listen();
        data.start();
        shims = new ShimServer(host.shimSocket(), Set.of(0), new AnyProcess(), vms);
        shims.start();
    }

    private DataServer listen() throws IOException {
        return new DataServer(new InetSocketAddress(host.address(), SimHost.DATA_PORT), List.of(server, migrations));
    }

    private void reached(FaultPoint point) {
        requireAlive();
        simulation.reached(this, point);
        requireAlive();
    }

    /** @throws Killed if it is dead: the caller is one of its threads */
    void requireAlive() {
        if (isDead()) {
            throw new Killed(host.name());
        }
    }

    boolean isDead() {
        return threads.dead;
    }

    SimHost host() {
        return host;
    }

    VmRegistry vms() {
        return vms;
    }

    MemoryServer server() {
        return server;
    }

    Lending lending() {
        return lending;
    }

    Operations operations() {
        return operations;
    }

    Drainer drainer() {
        return drainer;
    }

    ExpectedSplits expected() {
        return expected;
    }

    SplitStarts starts() {
        return starts;
    }

    MigrationService migrations() {
        return migrations;
    }

    /** Does something on a thread of this daemon. @throws IOException if it dies meanwhile */
    <T> T call(Callable<T> task) throws Exception {
        return call(task, () -> {});
    }

    /** @param stillWanted throws if whoever asked no longer waits */
    <T> T call(Callable<T> task, Runnable stillWanted) throws Exception {
        FutureTask<T> call = new FutureTask<>(task);
        Thread thread = new Thread(threads, call, "call");
        thread.setDaemon(true);
        thread.start();
        while (true) {
            try {
                return call.get(POLL_MS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                stillWanted.run();
                if (isDead()) {
                    throw new IOException("host " + host.name() + " does not answer", e);
                }
            } catch (ExecutionException e) {
                if (e.getCause() instanceof Killed) {
                    throw new IOException("host " + host.name() + " does not answer", e);
                }
                throw e.getCause() instanceof Exception cause ? cause : e;
            }
        }
    }

    /** What the real one does now and then. */
    void upkeep(long nowNs) throws Exception {
        call(() -> {
            migrations.sweep(nowNs);
            expected.sweep(nowNs);
            starts.sweep();
            operations.sweep();
            drainer.sweep(nowNs);
            server.releaseForsaken(
                    nowNs, store -> peers.wantsStores(peers.find(store.owner()), store.vm()), askingOwners);
            return true;
        });
    }

    /** All connections to its data port are reset. */
    void reset() throws Exception {
        data.close();
        data = call(() -> {
            DataServer again = listen();
            again.start();
            return again;
        });
    }

    // ---- death

    /** From now on no thread of it passes a fault point. */
    void markDead() {
        threads.dead = true;
    }

    /** Cuts all that a dead process has, and returns when the last thread has ended. Not on one of them. */
    void finish(Path movedTo) throws Exception {
        Files.move(directory, movedTo);
        data.close();
        shims.close();
        simulation.cutMonitors(host);
        for (MigrationInfo info : migrations.list()) {
            endThread(info);
        }
        vms.stop();
        try {
            Await.until("all threads of " + host.name() + " have ended", threads::isEmpty);
        } catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + ": " + threads, e);
        }
    }

    /** Wakes a migration's thread, so that it comes to a fault point; no other way leads out of its waiting. */
    private void endThread(MigrationInfo info) {
        Vm vm = vms.find(info.vm()).orElse(null);
        VmRecord.Lender source = vm == null ? null : vm.record().source();
        if (info.phase().isOver()) {
            return;
        }
        try {
            migrations.abort(info.id(), "killed");
        } catch (RefusedException handedOver) {
            if (vm != null && source != null) {
                Thread thread =
                        new Thread(() -> arrived(migrations, vm, source), "arrived"); // waits for its answer in vain
                thread.setDaemon(true);
                thread.start();
            }
        }
    }

    private static void arrived(MigrationService migrations, Vm vm, VmRecord.Lender source) {
        try {
            migrations.arrived(vm.uuid(), source.token());
        } catch (Killed | RefusedException e) {
            log.debug("as it should be: {}", e.getMessage());
        }
    }
}
