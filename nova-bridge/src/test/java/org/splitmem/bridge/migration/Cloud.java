package org.splitmem.bridge.migration;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.booking.Bookings;
import org.splitmem.bridge.booking.Consumers;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.daemon.FakeHosts;
import org.splitmem.bridge.daemon.HostAddress;
import org.splitmem.bridge.http.FixedCredentials;
import org.splitmem.bridge.nova.FakeNova;
import org.splitmem.bridge.nova.NovaClient;
import org.splitmem.bridge.placement.FakePlacement;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.bridge.registry.HostRegistry;
import org.splitmem.bridge.rules.RulesReader;
import org.splitmem.bridge.store.Database;
import org.splitmem.bridge.store.HostStore;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.MigrationStore;
import org.splitmem.bridge.store.Status;
import org.splitmem.bridge.store.Vm;
import org.splitmem.bridge.store.VmStore;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.RefusedException;

/** Three hosts, Placement and a database, and as many bridges as a test wants; time passes when it is told to. */
public final class Cloud extends Clock implements AutoCloseable {
    public static final UUID VM = UUID.fromString("6d1f0000-0000-4000-8000-000000000001");
    public static final Map<String, String> SPECS = Map.of("splitmem:enabled", "true");

    public final FakePlacement placement;
    public final FakeNova nova;
    public final FakeHosts hosts;
    public final String databaseUrl =
            "jdbc:h2:mem:" + UUID.randomUUID() + ";MODE=MariaDB;DATABASE_TO_LOWER=TRUE;DB_CLOSE_DELAY=-1";
    public final Database database;
    final List<String> told = new ArrayList<>();
    private final List<Daemons> daemons = new ArrayList<>();
    private List<HostAddress> configured;
    private volatile Instant now = Instant.parse("2026-11-21T12:00:00Z");

    public Cloud() throws Exception {
        this("h1", "h2", "h3");
    }

    /** @param names of the three hosts */
    public Cloud(String... names) throws Exception {
        this("", List.of(names));
    }

    /**
     * As {@link #Cloud()}, with hypervisors of other names.
     *
     * @param domain which they have beside the names of their hosts
     * @param given names of the three hosts
     */
    public Cloud(String domain, List<String> given) throws Exception {
        String[] names = given.toArray(String[]::new);
        // The first runs a VM of 512 MB, of which Nova has claimed 256; the second has room for the main share only.
        placement = new FakePlacement()
                .host(names[0] + domain, 256, true)
                .host(names[1] + domain, 100, true)
                .host(names[2] + domain, 1000, true);
        nova = new FakeNova();
        hosts = new FakeHosts(names);
        configured = hosts.addresses();
        database = new Database(databaseUrl, "", "", 4);
        hosts.runs(names[0], VM, 512);
        placement.claim(Consumers.of(VM), "SPLITMEM", names[0] + domain, 256);
    }

    private class Told implements Telemetry {
        @Override
        public boolean together(BooleanSupplier work) {
            return database.transaction(work);
        }

        @Override
        public void migrationEnded(Migration m) {
            told.add(m.status().word() + " " + m.progress().phase());
        }

        @Override
        public void migrationRead(MigrationInfo info) {}

        @Override
        public void planned(Vm vm, @Nullable String migration, Plan plan, Map<String, Long> booking) {}

        @Override
        public void planRefused(Vm vm, @Nullable String migration, String reason, String message) {}

        @Override
        public void reconciliationFailed(
                UUID instance, @Nullable Vm vm, @Nullable Map<String, Long> wanted, String message) {
            told.add("failed, wanted " + (wanted == null ? "unknown" : new TreeMap<>(wanted)) + ": " + message);
        }

        @Override
        public void placementChanged(Vm vm, @Nullable String migration, Bookings.Step step, String cause) {
            told.add(cause + " " + new TreeMap<>(step.after()));
        }

        @Override
        public void bookingShort(Vm vm, Map<String, Long> booked, Map<String, Long> wanted, String why) {
            told.add("short " + new TreeMap<>(booked) + " of " + new TreeMap<>(wanted));
        }
    }

    /** Does something whenever a booking was set. */
    Telemetry whenBooked(Consumer<Vm> then) {
        return new Told() {
            @Override
            public void placementChanged(Vm vm, @Nullable String migration, Bookings.Step step, String cause) {
                then.accept(vm);
            }
        };
    }

    /** The bridges that are made from now on have no hosts in their configuration. */
    public void configuresNoHosts() {
        configured = List.of();
    }

    /** A bridge. */
    public final class Bridge {
        public final MigrationStore store;
        public final VmStore vms;
        public final Follower follower;
        public final MigrationService migrations;
        public final VmPlacements placements;
        public final Reconciler reconciler;
        public final Drains drains;
        public final HostRegistry registry;
        public final Daemons daemons;
        public final PlacementClient client;
        final RulesReader rules;

        Bridge(String name, Telemetry telemetry, boolean limitTenants) {
            Cloud c = Cloud.this;
            registry = new HostRegistry(configured, List.of(), new HostStore(database), c);
            client = new PlacementClient(new FixedCredentials(placement.url()), Duration.ofSeconds(20), registry);
            Bookings bookings = new Bookings(client);
            daemons = new Daemons(registry, "key", Duration.ofSeconds(20));
            store = new MigrationStore(database, name, 15_000);
            vms = new VmStore(database);
            rules = rules(limitTenants);
            Chooser chooser = new Chooser(client, rules, daemons, store, ns -> {});
            follower = new Follower(store, vms, bookings, daemons, telemetry, c);
            migrations = new MigrationService(store, vms, chooser, bookings, daemons, follower, telemetry, c);
            placements = new VmPlacements(store, vms, chooser, bookings, daemons, follower, telemetry, c);
            reconciler = new Reconciler(client, bookings, daemons, store, vms, telemetry, c);
            drains = new Drains(store, vms, chooser, bookings, daemons, telemetry, c, Duration.ofSeconds(30));
        }

        private RulesReader rules(boolean limitTenants) {
            NovaClient compute = new NovaClient(new FixedCredentials(nova.url()), Duration.ofSeconds(20));
            return new RulesReader(compute, client, limitTenants, "nova");
        }

        /** The VM's migrations, newest first. */
        List<Migration> listed(@Nullable Status status) throws RefusedException {
            return migrations.list(new MigrationStore.Filter(VM, status, null, null), null, 10);
        }
    }

    public Bridge bridge(String name) {
        return bridge(name, new Told());
    }

    /** A bridge that tells somebody else. */
    public Bridge bridge(String name, Telemetry telemetry) {
        return bridge(new Bridge(name, telemetry, false));
    }

    /** @param limitTenants whether projects with aggregates of their own are limited to them */
    Bridge bridge(String name, boolean limitTenants) {
        return bridge(new Bridge(name, new Told(), limitTenants));
    }

    private Bridge bridge(Bridge bridge) {
        daemons.add(bridge.daemons);
        return bridge;
    }

    /** One that asks other daemons than its bridge does. */
    Follower follower(Bridge bridge, Daemons daemons) {
        return new Follower(bridge.store, bridge.vms, new Bookings(bridge.client), daemons, new Told(), this);
    }

    public static PlanInput onHost(String host) {
        return new PlanInput(new Vm(VM, "db1", host, 512, 256, "project", "user"), SPECS, null);
    }

    /** By hypervisor. */
    public Map<String, Long> booked() {
        return placement.claimsOf(Consumers.of(VM));
    }

    /** On one host alone, in place of what is booked. */
    void bookOn(String host) {
        placement.unclaim(Consumers.of(VM));
        placement.claim(Consumers.of(VM), "SPLITMEM", host, 256);
    }

    public void pass(Duration time) {
        now = now.plus(time);
    }

    @Override
    public void close() {
        daemons.forEach(Daemons::close);
        hosts.close();
        placement.close();
        nova.close();
        database.close();
    }

    @Override
    public ZoneId getZone() {
        return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
        return this;
    }

    @Override
    public Instant instant() {
        return now;
    }
}
