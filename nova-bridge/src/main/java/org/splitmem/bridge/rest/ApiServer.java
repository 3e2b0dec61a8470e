package org.splitmem.bridge.rest;

import java.io.IOException;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.glassfish.jersey.server.ResourceConfig;
import org.glassfish.jersey.server.ServerProperties;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.gate.GateServer;
import org.splitmem.bridge.keystone.TokenValidator;
import org.splitmem.bridge.migration.Drains;
import org.splitmem.bridge.migration.MigrationService;
import org.splitmem.bridge.migration.VmPlacements;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.policy.Policy;
import org.splitmem.bridge.registry.HostRegistry;
import org.splitmem.bridge.registry.PeerTeller;
import org.splitmem.bridge.store.EventStore;
import org.splitmem.bridge.store.VmStore;

/** The API: the resources behind the gate. */
public final class ApiServer implements AutoCloseable {
    /** Warns of every resource that is registered as an object, and uses it all the same. Held here, since loggers are collected otherwise. */
    private static final Logger PROVIDERS = Logger.getLogger("org.glassfish.jersey.internal.inject.Providers");

    private final GateServer server;

    /**
     * What the resources work with.
     *
     * @param readiness for /readyz
     */
    public record Parts(
            MigrationService migrations,
            VmPlacements placements,
            Daemons daemons,
            HostRegistry hosts,
            VmStore vms,
            EventStore events,
            PlacementClient placement,
            Drains drains,
            BridgeMetrics metrics,
            RootResource.Readiness readiness) {}

    /** Wires; {@link #start} binds and begins to answer. */
    public ApiServer(
            GateServer.Settings settings, Policy policy, TokenValidator tokens, String keystoneUrl, Parts parts) {
        PROVIDERS.setLevel(Level.SEVERE);
        server = new GateServer(
                settings,
                new JerseyApplication(resources(parts, new Access(policy))),
                policy,
                tokens,
                keystoneUrl,
                Versions.OF_ANSWERS,
                parts.metrics());
    }

    private static ResourceConfig resources(Parts p, Access access) {
        ResourceConfig config = new ResourceConfig();
        config.register(new Versions());
        config.register(access);
        config.register(new Discretion(access));
        config.register(new JsonBodies());
        config.register(new Errors());
        config.register(new RootResource(p.metrics().registry(), p.readiness()));
        config.register(new DescriptionResource());
        config.register(new MigrationsResource(p.migrations(), access));
        config.register(new VmsResource(p.daemons(), p.vms(), p.placements(), access));
        config.register(new EventsResource(p.events(), access));
        config.register(new HostsResource(
                p.hosts(), new PeerTeller(p.hosts(), p.daemons()), p.daemons(), p.placement(), p.drains()));
        config.register(new PlansResource(p.migrations(), p.placements(), access));
        config.property(ServerProperties.WADL_FEATURE_DISABLE, true);
        config.property(ServerProperties.RESPONSE_SET_STATUS_OVER_SEND_ERROR, true);
        return config;
    }

    public void start() throws IOException {
        server.start();
    }

    public int port() {
        return server.port();
    }

    /** -1 if there is none. */
    public int adminPort() {
        return server.adminPort();
    }

    /** Answers what has begun, and takes nothing more. */
    @Override
    public void close() {
        server.close();
    }
}
