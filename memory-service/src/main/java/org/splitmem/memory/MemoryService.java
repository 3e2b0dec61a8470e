package org.splitmem.memory;

import ch.qos.logback.classic.Level;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.config.DaemonConfig;
import org.splitmem.memory.control.ControlServer;
import org.splitmem.memory.control.HostFacts;
import org.splitmem.memory.control.HttpPeers;
import org.splitmem.memory.drain.Drainer;
import org.splitmem.memory.drain.Lending;
import org.splitmem.memory.fault.Pager;
import org.splitmem.memory.linux.KernelFeatures;
import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.migration.ExpectationFile;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.migration.GuestRoom;
import org.splitmem.memory.migration.MigrationConfig;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.migration.PeerDirectory;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.migration.PendingReleases;
import org.splitmem.memory.migration.SplitStarts;
import org.splitmem.memory.migration.WholeAgain;
import org.splitmem.memory.operation.Operations;
import org.splitmem.memory.server.DataServer;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.shim.LibvirtDomains;
import org.splitmem.memory.shim.ShimServer;
import org.splitmem.memory.shim.Users;
import org.splitmem.memory.thread.HostThreads;
import org.splitmem.memory.thread.LastResort;
import org.splitmem.memory.vm.PagingConfig;
import org.splitmem.memory.vm.SplitDefinitions;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.config.ConfigException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** splitmemd, the per-host daemon: owns the RAM of this host's split-ready VMs and pages it to and from memory servers. */
@Command(
        name = "splitmemd",
        mixinStandardHelpOptions = true,
        description = "Owns the RAM of this host's split-ready VMs, pages it to and from other hosts, and moves it.",
        footer = {
            "",
            "Runs in the foreground and logs to standard error. SIGTERM ends it; guests wait until it is back."
        })
public final class MemoryService implements Callable<Integer> {
    private static final Logger log = LoggerFactory.getLogger(MemoryService.class);
    private static final int EXIT_FAILED = 1;
    private static final long SWEEP_MS = 500;
    /** Of the host's memory that guests and what is lent may take, unless memory.guest-limit says otherwise. */
    private static final int GUESTS_PERCENT = 95;

    private static final long END_S = 10;
    /** For upkeep's last round; less than systemd waits (TimeoutStopSec), so that the rest ends in order. */
    private static final long UPKEEP_END_MS = 5_000;

    private static final CountDownLatch ENDED = new CountDownLatch(1);

    @Option(
            names = "--config",
            paramLabel = "FILE",
            defaultValue = "/etc/splitmem/splitmem.conf",
            description = "The configuration; default: ${DEFAULT-VALUE}.")
    private Path configFile = Path.of("/etc/splitmem/splitmem.conf");

    public static void main(String[] args) {
        System.exit(new CommandLine(new MemoryService()).execute(args));
    }

    @Override
    public Integer call() throws InterruptedException {
        try {
            DaemonConfig config = DaemonConfig.load(configFile);
            setLogLevel(config.logLevel());
            checkKernel();
            LastResort lastResort = new LastResort();
            Thread.setDefaultUncaughtExceptionHandler(lastResort);
            run(config, lastResort);
            return 0;
        } catch (ConfigException | IOException e) {
            System.err.println("splitmemd: " + e.getMessage());
            return EXIT_FAILED;
        }
    }

    private static void setLogLevel(String level) {
        Logger root = LoggerFactory.getLogger("org.splitmem");
        if (root instanceof ch.qos.logback.classic.Logger logback) {
            logback.setLevel(Level.toLevel(level));
        }
    }

    /** Refuses now, not in the middle of a migration. */
    private static void checkKernel() throws ConfigException {
        try {
            List<String> missing = KernelFeatures.missing();
            if (!missing.isEmpty()) {
                throw new ConfigException(
                        "this kernel lacks " + String.join(", ", missing) + "; Linux 6.9, 6.8.10 or newer is needed");
            }
        } catch (LinuxException e) {
            throw new ConfigException("the kernel cannot be asked for userfaultfd (" + e.getMessage()
                    + "); splitmemd needs /dev/userfaultfd and CONFIG_USERFAULTFD");
        }
    }

    private static void run(DaemonConfig config, LastResort lastResort)
            throws ConfigException, IOException, InterruptedException {
        log.info("splitmemd starts on {} with {}", config.hostName(), config.effective());
        PagingConfig paging = pagingConfig(config.tuning());
        boolean networked = !config.controlAddress().isEmpty();
        String key = networked ? config.clusterKey() : "";
        prepareDirectories(config);
        HostFacts facts = new HostFacts();
        HttpPeers peers = new HttpPeers(peerDirectory(config), config.dataPort(), key);
        SplitDefinitions definitions =
                new SplitDefinitions(config.stateDirectory().resolve("splits"));
        VmRegistry vms =
                new VmRegistry(config.memoryDirectory().resolve("vms"), paging, config.qmpDirectory(), definitions);
        MemoryServer server = memoryServer(config, facts, peers);
        Operations operations = new Operations(config.memoryDirectory().resolve("operations"), vms::reached);
        Drainer drainer = drainer(config, peers, server, operations);
        MigrationService migrations = migrations(config, vms, peers, operations);
        server.tellFences(migrations::fenced);
        ExpectedSplits expected = expected(config, definitions, vms, migrations);
        GuestRoom room = new GuestRoom(vms, () -> guestLimit(config, facts, server));
        SplitStarts starts = new SplitStarts(vms, definitions, expected, migrations, room);
        vms.setStarts(starts);
        server.recover();
        vms.recover(vm -> found(vm, expected, migrations), migrations::takenUp);
        starts.recovered();
        CountDownLatch asked = new CountDownLatch(1);
        Upkeep upkeep =
                upkeep(vms, migrations, expected, starts, new WholeAgain(vms, room), server, drainer, peers, asked);
        try (DataServer data = networked ? dataServer(config, server, migrations) : null;
                ShimServer shims = new ShimServer(
                        config.shimSocket(),
                        Users.idsOf(config.shimUsers()),
                        new LibvirtDomains(config.libvirtState()),
                        vms);
                ControlServer control = new ControlServer(
                        config, key, vms, migrations, drainer, peers, facts, expected, starts, ControlServer.IDLE_MS)) {
            if (data != null) {
                data.start();
            }
            shims.start();
            control.setTroubles(() -> troubles(lastResort, upkeep, vms, shims, data));
            control.start();
            onShutdown(asked);
            upkeep.start();
            log.info("splitmemd {} is ready", facts.version());
            asked.await();
            upkeep.join(UPKEEP_END_MS);
        } finally {
            vms.stop();
            log.info("splitmemd ended");
            ENDED.countDown();
        }
    }

    private static MemoryServer memoryServer(DaemonConfig config, HostFacts facts, HttpPeers peers) {
        return new MemoryServer(
                config.memoryDirectory().resolve("stores"),
                config.lendLimitBytes(),
                facts::availableBytes,
                peers::dataPortOf);
    }

    private static Drainer drainer(DaemonConfig config, HttpPeers peers, MemoryServer server, Operations operations)
            throws IOException {
        Lending lending = new Lending(
                config.hostName(),
                config.lendLimitBytes(),
                config.stateDirectory().resolve("lending.json"),
                peers,
                server);
        return new Drainer(lending, peers, new HostThreads("main-hosts"), operations);
    }

    private static MigrationService migrations(
            DaemonConfig config, VmRegistry vms, HttpPeers peers, Operations operations) throws IOException {
        return new MigrationService(
                vms,
                peers,
                migrationConfig(config.tuning()),
                new PeerHosts.Peer(config.hostName(), config.controlAddress(), config.dataPort()),
                new PendingReleases(config.memoryDirectory().resolve("releases.json"), peers),
                operations);
    }

    private static ExpectedSplits expected(
            DaemonConfig config, SplitDefinitions definitions, VmRegistry vms, MigrationService migrations)
            throws IOException {
        return new ExpectedSplits(
                new ExpectationFile(config.memoryDirectory().resolve("expected.json")),
                definitions,
                TimeUnit.SECONDS.toMillis(config.tuning().expectedSeconds()),
                vms,
                migrations);
    }

    private static PagingConfig pagingConfig(DaemonConfig.Tuning t) {
        return new PagingConfig(
                new Pager.Tuning(t.zeroFillPages(), t.readAheadPages(), t.mapAroundPages(), t.hotSkips()),
                t.samplePagesPerSecond(),
                t.pressurePagesPerSecond(),
                t.coldAge());
    }

    private static MigrationConfig migrationConfig(DaemonConfig.Tuning t) {
        return new MigrationConfig(
                t.streams(),
                t.bandwidthBytesPerSecond(),
                t.sampleWindows(),
                t.sampleWindowMs(),
                t.stopPages(),
                t.maxRounds(),
                t.readySeconds(),
                t.switchoverSeconds(),
                t.handoverStallSeconds());
    }

    private static @Nullable DataServer dataServer(
            DaemonConfig config, MemoryServer server, MigrationService migrations) throws ConfigException, IOException {
        InetAddress address = config.bindAddress();
        return new DataServer(new InetSocketAddress(address, config.dataPort()), List.of(server, migrations));
    }

    private static PeerDirectory peerDirectory(DaemonConfig config) {
        return new PeerDirectory(
                config.self(), config.peers(), config.stateDirectory().resolve("peers.json"));
    }

    private static void prepareDirectories(DaemonConfig config) throws IOException {
        Files.createDirectories(config.memoryDirectory());
        Files.createDirectories(config.stateDirectory());
        Files.createDirectories(config.qmpDirectory());
        for (Path socket : List.of(config.shimSocket(), config.controlSocket())) {
            Path parent = socket.getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
        }
    }

    /** By default what the host has, less what itself needs and what it has promised to others. */
    static long guestLimit(DaemonConfig config, HostFacts facts, MemoryServer server) {
        Long set = config.guestLimitBytes();
        return set != null ? set : facts.totalBytes() / 100 * GUESTS_PERCENT - server.lentBytes();
    }

    private static void found(Vm vm, ExpectedSplits expected, MigrationService migrations) throws IOException {
        expected.found(vm);
        migrations.found(vm);
    }

    private static Upkeep upkeep(
            VmRegistry vms,
            MigrationService migrations,
            ExpectedSplits expected,
            SplitStarts starts,
            WholeAgain wholeAgain,
            MemoryServer server,
            Drainer drainer,
            PeerHosts peers,
            CountDownLatch asked) {
        HostThreads askingOwners = new HostThreads("owners");
        return new Upkeep(
                List.of(
                        new Upkeep.Task("VMs", vms::sweep),
                        new Upkeep.Task("migrations", () -> migrations.sweep(System.nanoTime())),
                        new Upkeep.Task("expected VMs", () -> expected.sweep(System.nanoTime())),
                        new Upkeep.Task("split starts", starts::sweep),
                        new Upkeep.Task("VMs that become whole", wholeAgain::sweep),
                        new Upkeep.Task("operations", migrations.operations().all()::sweep),
                        new Upkeep.Task("what is lent", () -> drainer.sweep(System.nanoTime())),
                        new Upkeep.Task(
                                "stores",
                                () -> server.releaseForsaken(
                                        System.nanoTime(),
                                        store -> peers.wantsStores(peers.find(store.owner()), store.vm()),
                                        askingOwners))),
                SWEEP_MS,
                asked);
    }

    /** A line for each; what is wrong with another host, or with one VM's files, is no trouble of this daemon's. */
    private static List<String> troubles(
            LastResort lastResort, Upkeep upkeep, VmRegistry vms, ShimServer shims, @Nullable DataServer data) {
        List<String> all = new ArrayList<>(lastResort.troubles());
        all.addAll(upkeep.troubles());
        all.addAll(vms.troubles());
        Stream.of(shims.trouble(), data == null ? null : data.trouble())
                .filter(Objects::nonNull)
                .forEach(all::add);
        return all;
    }

    /** Lets {@code asked} fall to zero on SIGTERM or SIGINT; the JVM then waits until {@link #run} is through. */
    private static void onShutdown(CountDownLatch asked) {
        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> {
                            asked.countDown();
                            try {
                                if (!ENDED.await(END_S, TimeUnit.SECONDS)) {
                                    log.warn("splitmemd did not end cleanly within {} s", END_S);
                                }
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        "shutdown"));
    }
}
