package org.splitmem.bridge;

import ch.qos.logback.classic.Level;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.config.BridgeConfig;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.http.Caller;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.keystone.OwnToken;
import org.splitmem.bridge.keystone.TokenValidator;
import org.splitmem.bridge.migration.Chooser;
import org.splitmem.bridge.migration.Drains;
import org.splitmem.bridge.migration.Follower;
import org.splitmem.bridge.migration.MigrationService;
import org.splitmem.bridge.migration.Reconciler;
import org.splitmem.bridge.migration.VmPlacements;
import org.splitmem.bridge.nova.NovaClient;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.policy.Policy;
import org.splitmem.bridge.policy.PolicyException;
import org.splitmem.bridge.policy.PolicyFile;
import org.splitmem.bridge.registry.HostRegistry;
import org.splitmem.bridge.rest.ApiServer;
import org.splitmem.bridge.rest.BridgeMetrics;
import org.splitmem.bridge.rules.RulesReader;
import org.splitmem.bridge.store.Database;
import org.splitmem.bridge.store.EventStore;
import org.splitmem.bridge.store.HostStore;
import org.splitmem.bridge.store.MigrationStore;
import org.splitmem.bridge.store.OutboxStore;
import org.splitmem.bridge.store.StoreException;
import org.splitmem.bridge.store.VmStore;
import org.splitmem.bridge.telemetry.EventFeed;
import org.splitmem.bridge.telemetry.EventHistory;
import org.splitmem.events.publish.EventPublisher;
import org.splitmem.events.publish.PublisherConfig;
import org.splitmem.model.config.ConfigException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** nova-bridge: what Nova asks when a VM's memory has to be found, booked or moved. */
@Command(
        name = "nova-bridge",
        mixinStandardHelpOptions = true,
        description =
                "Chooses sub-hosts for Nova, keeps Placement's books of split memory, starts and follows migrations.",
        footer = {
            "",
            "Runs in the foreground and logs to standard error. SIGTERM ends it; migrations go on without it, and another",
            "nova-bridge, or this one when it is back, looks after them."
        })
public final class NovaBridge implements Callable<Integer> {
    private static final Logger log = LoggerFactory.getLogger(NovaBridge.class);
    private static final int EXIT_FAILED = 1;
    private static final long END_S = 20;
    private static final int LOOPS = 8;
    private static final long WRITE_EVENTS_MS = 500;
    private static final long READ_POLICY_MS = 5_000;
    private static final long FORGET_MS = TimeUnit.MINUTES.toMillis(10);
    private static final CountDownLatch ENDED = new CountDownLatch(1);

    @Option(
            names = "--config",
            paramLabel = "FILE",
            defaultValue = "/etc/splitmem/nova-bridge.conf",
            description = "The configuration; default: ${DEFAULT-VALUE}.")
    private Path configFile = Path.of("/etc/splitmem/nova-bridge.conf");

    @Option(
            names = "--check-config",
            description = "Reads the configuration and its secrets, says what is wrong, and ends.")
    private boolean checkOnly;

    public static void main(String[] args) {
        System.exit(new CommandLine(new NovaBridge()).execute(args));
    }

    @Override
    public Integer call() throws InterruptedException {
        try {
            BridgeConfig config = BridgeConfig.load(configFile);
            config.keystoneWithPassword();
            config.clusterKey();
            config.databasePassword();
            config.policyFile();
            config.kafkaProperties();
            if (checkOnly) {
                System.out.println(configFile + " is valid");
                return 0;
            }
            setLogLevel(config.logLevel());
            run(config);
            return 0;
        } catch (ConfigException | IOException | StoreException e) {
            System.err.println("nova-bridge: " + e.getMessage());
            return EXIT_FAILED;
        }
    }

    private static void setLogLevel(String level) {
        if (LoggerFactory.getLogger("org.splitmem") instanceof ch.qos.logback.classic.Logger logback) {
            logback.setLevel(Level.toLevel(level));
        }
    }

    private static void run(BridgeConfig config) throws ConfigException, IOException, InterruptedException {
        log.info("nova-bridge {} starts with {}", config.name(), config.effective());
        ScheduledExecutorService loops = Executors.newScheduledThreadPool(LOOPS, task -> new Thread(task, "loop"));
        try (Database database = database(config)) {
            serve(config, database, loops);
        } finally {
            loops.shutdownNow();
            log.info("nova-bridge ended");
            ENDED.countDown();
        }
    }

    private static void serve(BridgeConfig config, Database database, ScheduledExecutorService loops)
            throws ConfigException, IOException, InterruptedException {
        Clock clock = Clock.systemUTC();
        OwnToken token = new OwnToken(config.keystoneWithPassword(), config.endpoints(), clock);
        HostRegistry hosts = new HostRegistry(config.hosts(), config.hostNetworks(), new HostStore(database), clock);
        PlacementClient placement = new PlacementClient(token, config.placementTimeout(), hosts);
        RulesReader rules = rules(config.nova(), token, placement);
        Bookings bookings = new Bookings(placement);
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        boolean toKafka = !config.events().brokers().isEmpty();
        OutboxStore outbox = toKafka ? new OutboxStore(database, config.name(), clock) : null;
        try (EventHistory history = new EventHistory(
                        database,
                        outbox,
                        config.events().keep(),
                        config.events().interval(),
                        clock);
                EventFeed events = events(config, history, outbox, registry, clock);
                Daemons daemons = new Daemons(hosts, config.clusterKey(), config.daemonTimeout())) {
            BridgeMetrics metrics = new BridgeMetrics(registry, events.telemetry());
            metrics.watch(history);
            MigrationStore store = new MigrationStore(
                    database, config.name(), config.rhythm().lease().toMillis());
            VmStore vms = new VmStore(database);
            Chooser chooser = new Chooser(placement, rules, daemons, store, metrics);
            Follower follower = new Follower(store, vms, bookings, daemons, metrics, clock);
            MigrationService migrations =
                    new MigrationService(store, vms, chooser, bookings, daemons, follower, metrics, clock);
            VmPlacements placements =
                    new VmPlacements(store, vms, chooser, bookings, daemons, follower, metrics, clock);
            Reconciler reconciler = new Reconciler(placement, bookings, daemons, store, vms, metrics, clock);
            Duration round = config.rhythm().reconcile();
            Drains drains = new Drains(store, vms, chooser, bookings, daemons, metrics, clock, round);
            ApiServer.Parts parts = new ApiServer.Parts(
                    migrations,
                    placements,
                    daemons,
                    hosts,
                    vms,
                    new EventStore(database),
                    placement,
                    drains,
                    metrics,
                    () -> checkAll(database, placement, rules));
            long followMs = config.rhythm().follow().toMillis();
            repeat(loops, "following migrations", followMs, follower::step);
            repeat(loops, "draining hosts", followMs, drains::step);
            repeat(loops, "reconciliation", round.toMillis(), () -> reconcile(reconciler, metrics, clock));
            tell(loops, history, events, daemons, migrations, config.events());
            answer(config, policy(config, loops), tokens(config, token, clock), parts);
            end(loops);
        }
    }

    /** Until the process is asked to end. */
    private static void answer(BridgeConfig config, Policy policy, TokenValidator tokens, ApiServer.Parts parts)
            throws IOException, InterruptedException {
        try (ApiServer server =
                new ApiServer(config.http(), policy, tokens, config.keystone().url(), parts)) {
            CountDownLatch asked = shutdownSignal();
            server.start();
            log.info("nova-bridge answers on {}:{}", config.http().address(), server.port());
            asked.await();
            log.info("nova-bridge ends");
        }
    }

    private static RulesReader rules(BridgeConfig.Nova nova, OwnToken token, PlacementClient placement) {
        return new RulesReader(new NovaClient(token, nova.limit()), placement, nova.limitTenants(), nova.defaultZone());
    }

    private static void reconcile(Reconciler reconciler, BridgeMetrics metrics, Clock clock) throws ServiceException {
        metrics.reconciled(reconciler.round(), clock.millis());
    }

    private static void checkAll(Database database, PlacementClient placement, RulesReader rules)
            throws ServiceException {
        database.check();
        placement.check();
        rules.check();
    }

    private static Database database(BridgeConfig config) throws ConfigException {
        BridgeConfig.Store store = config.store();
        return new Database(store.url(), store.user(), config.databasePassword(), store.connections());
    }

    /** @param outbox absent: there is no Kafka */
    private static EventFeed events(
            BridgeConfig config,
            EventHistory history,
            @Nullable OutboxStore outbox,
            MeterRegistry registry,
            Clock clock)
            throws ConfigException {
        BridgeConfig.Events events = config.events();
        if (outbox == null) {
            return new EventFeed(history, null, events.interval(), clock);
        }
        PublisherConfig publisher =
                new PublisherConfig(events.brokers(), events.mode(), events.maxWaiting(), config.kafkaProperties());
        return new EventFeed(history, new EventPublisher(publisher, outbox, registry), events.interval(), clock);
    }

    private static void tell(
            ScheduledExecutorService loops,
            EventHistory history,
            EventFeed events,
            Daemons daemons,
            MigrationService migrations,
            BridgeConfig.Events settings) {
        repeat(loops, "the history of events", WRITE_EVENTS_MS, history::write);
        repeat(loops, "forgetting old events", FORGET_MS, history::forget);
        repeat(loops, "forgetting old migrations", FORGET_MS, () -> migrations.forget(settings.keep()));
        repeat(loops, "paging events", settings.interval().toMillis(), () -> events.sample(daemons));
    }

    /** The rules of the file, which are read again when it changes, or the defaults. */
    private static Policy policy(BridgeConfig config, ScheduledExecutorService loops) throws ConfigException {
        Optional<PolicyFile> file = config.policyFile();
        if (file.isPresent()) {
            repeat(loops, "the policy", READ_POLICY_MS, file.get()::reload);
            return file.get().policy();
        }
        try {
            return Policy.of(Map.of());
        } catch (PolicyException e) {
            throw new IllegalStateException("the default rules are wrong", e);
        }
    }

    private static TokenValidator tokens(BridgeConfig config, OwnToken token, Clock clock) {
        return new TokenValidator(
                config.keystone().url(),
                config.keystone().limit(),
                token,
                config.policy().service(),
                clock);
    }

    private interface Work {
        void doIt() throws ServiceException;
    }

    /** For ever: what fails is told, and tried again in the next round. */
    private static void repeat(ScheduledExecutorService loops, String name, long intervalMs, Work work) {
        Runnable round = () -> {
            MDC.put(Caller.REQUEST_ID, "req-" + UUID.randomUUID());
            try {
                work.doIt();
            } catch (ServiceException | StoreException e) {
                log.warn("{}: {}", name, e.getMessage());
            } catch (RuntimeException e) {
                log.error("{}: a bug", name, e);
            } finally {
                MDC.clear();
            }
        };
        // A round lets nothing escape, so the future never has anything to tell.
        ScheduledFuture<?> unused = loops.scheduleWithFixedDelay(round, intervalMs, intervalMs, TimeUnit.MILLISECONDS);
    }

    private static void end(ScheduledExecutorService loops) throws InterruptedException {
        loops.shutdown();
        if (!loops.awaitTermination(END_S / 2, TimeUnit.SECONDS)) {
            log.warn("a round was cut off");
        }
    }

    /** Falls to zero on SIGTERM or SIGINT; the JVM then waits until {@link #run} is through. */
    private static CountDownLatch shutdownSignal() {
        CountDownLatch asked = new CountDownLatch(1);
        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> {
                            asked.countDown();
                            try {
                                if (!ENDED.await(END_S, TimeUnit.SECONDS)) {
                                    log.warn("nova-bridge did not end cleanly within {} s", END_S);
                                }
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        "shutdown"));
        return asked;
    }
}
