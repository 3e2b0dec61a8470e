package org.splitmem.bridge.rest;

import jakarta.ws.rs.core.UriBuilder;
import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.glassfish.grizzly.http.server.HttpServer;
import org.glassfish.grizzly.http.server.NetworkListener;
import org.glassfish.jersey.grizzly2.httpserver.GrizzlyHttpServerFactory;
import org.glassfish.jersey.server.ResourceConfig;
import org.glassfish.jersey.server.ServerProperties;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.migration.MigrationService;
import org.splitmem.bridge.migration.VmPlacements;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.store.EventStore;
import org.splitmem.bridge.store.VmStore;

/** The HTTP server. */
public final class ApiServer implements AutoCloseable {
    private static final org.slf4j.Logger log = LoggerFactory.getLogger(ApiServer.class);
    /** Its children log each start and stop at INFO, past our format. Held here, since loggers are collected otherwise. */
    private static final Logger GLASSFISH = Logger.getLogger("org.glassfish");

    /** Warns of every resource that is registered as an object, and uses it all the same. */
    private static final Logger PROVIDERS = Logger.getLogger("org.glassfish.jersey.internal.inject.Providers");

    private static final long END_S = 8;

    /** As many as wait for Keystone, Placement, hosts or the database at once; health is asked of the same threads. */
    private static final int WORKERS = 64;

    private final HttpServer server;

    /**
     * What the resources work with.
     *
     * @param readiness for /readyz
     */
    public record Parts(
            MigrationService migrations,
            VmPlacements placements,
            Daemons daemons,
            VmStore vms,
            EventStore events,
            PlacementClient placement,
            Access access,
            BridgeMetrics metrics,
            RootResource.Readiness readiness) {}

    /** Binds; {@link #start} begins to answer. */
    public ApiServer(String address, int port, Parts parts) {
        GLASSFISH.setLevel(Level.WARNING);
        PROVIDERS.setLevel(Level.SEVERE);
        server = GrizzlyHttpServerFactory.createHttpServer(
                UriBuilder.newInstance()
                        .scheme("http")
                        .host(address)
                        .port(port)
                        .path("/")
                        .build(),
                resources(parts),
                false);
        server.getListeners().forEach(ApiServer::setWorkers);
        server.getServerConfiguration().setJmxEnabled(false);
        server.getServerConfiguration().setAllowPayloadForUndefinedHttpMethods(false);
    }

    /** The default, two for each CPU, is meant for work that does not wait. */
    private static void setWorkers(NetworkListener listener) {
        listener.getTransport()
                .getWorkerThreadPoolConfig()
                .setCorePoolSize(WORKERS)
                .setMaxPoolSize(WORKERS);
    }

    static ResourceConfig resources(Parts p) {
        ResourceConfig config = new ResourceConfig();
        config.register(new RequestIds(p.metrics()));
        config.register(new Versions());
        config.register(p.access());
        config.register(new JsonBodies());
        config.register(new Errors());
        config.register(new RootResource(p.metrics().registry(), p.readiness()));
        config.register(new DescriptionResource());
        config.register(new MigrationsResource(p.migrations(), p.access()));
        config.register(new VmsResource(p.daemons(), p.vms(), p.placements(), p.access()));
        config.register(new EventsResource(p.events(), p.access()));
        config.register(new CloudResource(p.daemons(), p.placement(), p.migrations(), p.placements(), p.access()));
        config.property(ServerProperties.WADL_FEATURE_DISABLE, true);
        config.property(ServerProperties.RESPONSE_SET_STATUS_OVER_SEND_ERROR, true);
        return config;
    }

    public void start() throws IOException {
        server.start();
    }

    public int port() {
        return server.getListeners().iterator().next().getPort();
    }

    /** Answers what has begun, and takes nothing more. */
    @Override
    public void close() {
        try {
            server.shutdown(END_S, TimeUnit.SECONDS).get(END_S + 1, TimeUnit.SECONDS);
        } catch (TimeoutException | ExecutionException e) {
            log.warn("requests were cut off after {} s", END_S);
            server.shutdownNow();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            server.shutdownNow();
        }
    }
}
