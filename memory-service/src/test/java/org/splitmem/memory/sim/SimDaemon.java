package org.splitmem.memory.sim;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.splitmem.memory.drain.Drainer;
import org.splitmem.memory.drain.Lending;
import org.splitmem.memory.fault.Pager;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.migration.ExpectationFile;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.migration.GuestRoom;
import org.splitmem.memory.migration.MigrationConfig;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.migration.PendingReleases;
import org.splitmem.memory.migration.SplitStarts;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.server.DataServer;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.shim.ShimServer;
import org.splitmem.memory.sim.machine.Scheduler;
import org.splitmem.memory.sim.machine.SimFutureTask;
import org.splitmem.memory.sim.machine.SimProcess;
import org.splitmem.memory.thread.EssentialThread;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.vm.PagingConfig;
import org.splitmem.memory.vm.SplitDefinitions;
import org.splitmem.memory.vm.VmRegistry;

/** One daemon's life on a host, wired as the real one is. */
final class SimDaemon {
    private static final long LENT_AT_MOST = 1L << 30;
    private static final long EXPECTED_MS = 600_000;
    private static final long ANSWER_S = 20;
    private static final long UPKEEP_NS = 500_000_000L;
    private static final PagingConfig PAGING = new PagingConfig(new Pager.Tuning(4, 4, 4, 0), 20_000, 200_000, 1);
    private static final MigrationConfig MIGRATION = new MigrationConfig(2, 0, 1, 20, 8, 4);

    private final World world;
    private final SimHost host;
    private final SimProcess process;
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

    /** On a thread of the process. */
    SimDaemon(World world, SimHost host, SimProcess process) throws IOException {
        this.world = world;
        this.host = host;
        this.process = process;
        Path directory = host.memory();
        Files.createDirectories(directory);
        peers = new SimPeers(world, this);
        SplitDefinitions definitions = new SplitDefinitions(directory.resolve("splits"));
        vms = new VmRegistry(directory.resolve("vms"), PAGING, host.monitorDirectory(), definitions, this::reached);
        server = new MemoryServer(directory.resolve("stores"), LENT_AT_MOST, () -> LENT_AT_MOST, peers::dataPortOf);
        lending = new Lending(host.name(), LENT_AT_MOST, directory.resolve("lending.json"), peers, server);
        operations = new Operations(directory.resolve("operations"), this::reached);
        drainer = new Drainer(lending, peers, new HostThreads("main-hosts"), operations);
        migrations = new MigrationService(
                vms,
                peers,
                MIGRATION,
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
        String[] ip = host.os().address().split("\\.", -1);
        byte[] raw = new byte[ip.length];
        for (int i = 0; i < ip.length; i++) {
            raw[i] = (byte) Integer.parseInt(ip[i]);
        }
        InetSocketAddress address = new InetSocketAddress(InetAddress.getByAddress(raw), SimHost.DATA_PORT);
        new DataServer(address, List.of(server, migrations)).start();
        new ShimServer(host.shimSocket(), Set.of(0), peer -> world.qemuOf(peer.pid()), vms).start();
        new EssentialThread("upkeep", "upkeep", this::upkeep).start();
    }

    private void reached(FaultPoint point) {
        world.reached(this, point);
    }

    private boolean upkeep() {
        LockSupport.parkNanos(UPKEEP_NS);
        long nowNs = System.nanoTime();
        List<Runnable> tasks = List.of(
                vms::sweep,
                () -> migrations.sweep(nowNs),
                () -> expected.sweep(nowNs),
                starts::sweep,
                () -> drainer.sweep(nowNs),
                operations::sweep,
                () -> server.releaseForsaken(
                        nowNs, store -> peers.wantsStores(peers.find(store.owner()), store.vm()), askingOwners));
        for (Runnable task : tasks) {
            try {
                task.run();
            } catch (RuntimeException e) { // it is tried again, and holds up no other
                Scheduler.here().event(host.name() + ": upkeep fails: " + e.getMessage());
            }
        }
        return true;
    }

    SimHost host() {
        return host;
    }

    SimProcess process() {
        return process;
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

    MigrationService migrations() {
        return migrations;
    }

    /**
     * Has a thread of this daemon do something, and waits for it as for a request.
     *
     * @throws IOException also if it dies meanwhile, or does not answer in time: then nobody knows whether it is done
     */
    <T> T call(Callable<T> task) throws Exception {
        if (process.isDead()) {
            throw new IOException("host " + host.name() + " does not answer");
        }
        SimFutureTask<T> call = new SimFutureTask<>(task);
        process.whenKilled(() -> call.cancel(true));
        Scheduler.here().begin(process, "call", call);
        try {
            return call.get(ANSWER_S, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new IOException("host " + host.name() + " has not answered in time", e);
        } catch (CancellationException e) {
            throw new IOException("host " + host.name() + " does not answer any more", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception cause
                    ? cause
                    : new IOException("host " + host.name() + " does not answer", e);
        }
    }
}
