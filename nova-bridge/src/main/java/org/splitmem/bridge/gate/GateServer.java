package org.splitmem.bridge.gate;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.keystone.TokenValidator;
import org.splitmem.bridge.policy.Policy;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;

/** The HTTP server: one listener for all, and if wanted one for operators and health alone. */
public final class GateServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(GateServer.class);
    private static final long END_MS = 8_000;
    private static final int IO_THREADS = 12;
    private static final int BACKLOG = 1024;
    /** Only a net below our own deadlines, which are all shorter. */
    private static final long NET_MS = 600_000;

    /**
     * Where the server listens and whom it believes.
     *
     * @param port 0: any that is free
     * @param adminPort of a listener that serves operators alone; absent: none
     * @param proxies whose word counts of where requests come from
     */
    public record Settings(
            String address, int port, @Nullable Integer adminPort, List<AddressRange> proxies, Limits limits) {}

    /** Sees every answer. Returns at once. */
    public interface Observer {
        void answered(String method, int status, long ns);

        /** A client left, or was too slow, before it had its answer. */
        void abandoned();
    }

    private final Server server;
    private final ServerConnector connector;
    private final @Nullable ServerConnector admin;
    private final Application application;
    private final Lanes lanes;
    private final ScheduledExecutorService timers =
            Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "deadlines"));

    /**
     * Wires; {@link #start} binds.
     *
     * @param application is closed with this
     * @param everyAnswer headers
     */
    public GateServer(
            Settings settings,
            Application application,
            Policy policy,
            TokenValidator tokens,
            String keystoneUrl,
            Map<String, String> everyAnswer,
            Observer observer) {
        this.application = application;
        Limits limits = settings.limits();
        lanes = new Lanes(limits.tenantThreads());
        QueuedThreadPool threads = new QueuedThreadPool(IO_THREADS, IO_THREADS);
        threads.setName("http");
        server = new Server(threads);
        connector = listener(settings.address(), settings.port());
        Budgets byProject = new Budgets(limits.projectConnections());
        Map<Object, Connections> connections = new HashMap<>();
        connections.put(connector, watch(connector, limits, byProject));
        Integer adminPort = settings.adminPort();
        admin = adminPort == null ? null : listener(settings.address(), adminPort);
        if (admin != null) {
            connections.put(admin, watch(admin, limits, byProject));
        }
        Callers callers = new Callers(tokens, lanes, identity -> policy.allows(Gate.OPERATOR_RULE, identity));
        Gate.Parts parts = new Gate.Parts(
                application,
                policy,
                callers,
                lanes,
                new Budgets(limits.projectRequests()),
                limits,
                settings.proxies(),
                everyAnswer,
                keystoneUrl,
                timers,
                observer);
        server.setHandler(new GracefulHandler(new Gate(parts, connections, admin == null ? this : admin)));
        server.setErrorHandler(this::answerUnreadable);
        server.setStopTimeout(END_MS);
    }

    private ServerConnector listener(String address, int port) {
        HttpConfiguration http = new HttpConfiguration();
        http.setSendServerVersion(false);
        http.setRequestHeaderSize(Limits.HEADER_BYTES);
        http.setIdleTimeout(NET_MS);
        ServerConnector listener = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http));
        listener.setHost(address);
        listener.setPort(port);
        listener.setAcceptQueueSize(BACKLOG);
        listener.setIdleTimeout(NET_MS);
        server.addConnector(listener);
        return listener;
    }

    private Connections watch(ServerConnector listener, Limits limits, Budgets byProject) {
        Connections connections = new Connections(limits.connections(), limits.idle(), byProject, System::nanoTime);
        listener.addBean(connections);
        long intervalMs = connections.sweepIntervalMs();
        ScheduledFuture<?> unused =
                timers.scheduleWithFixedDelay(connections::sweep, intervalMs, intervalMs, TimeUnit.MILLISECONDS);
        return connections;
    }

    /** What is not HTTP, or more of it than we take: it never comes to the gate. */
    private boolean answerUnreadable(Request request, Response response, Callback callback) {
        int status = response.getStatus();
        Reply reply = status == 431
                ? application.refusal(Refusal.ofBridge(
                        RefusalCode.HEADERS_TOO_LARGE, "headers are at most " + Limits.HEADER_BYTES + " B"))
                : application.refusal(new Refusal(
                        Math.max(status, 400),
                        (status >= 500 ? RefusalCode.INTERNAL : RefusalCode.INVALID_REQUEST).word(),
                        "not a request that can be read"));
        reply.headers().forEach((name, values) -> response.getHeaders().put(name, values));
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, reply.body().length);
        response.write(true, ByteBuffer.wrap(reply.body()), callback);
        return true;
    }

    /** @throws IOException if it cannot bind: the text says to what */
    public void start() throws IOException {
        try {
            server.start();
        } catch (IOException e) {
            throw e;
        } catch (Exception e) { // Jetty's life cycle declares no less
            throw new IOException("the API cannot start: " + e.getMessage(), e);
        }
    }

    public int port() {
        return connector.getLocalPort();
    }

    /** -1 if there is none. */
    public int adminPort() {
        return admin == null ? -1 : admin.getLocalPort();
    }

    /** Answers what has begun, and takes nothing more. */
    @Override
    public void close() {
        try {
            server.stop();
        } catch (Exception e) { // Jetty's life cycle declares no less
            log.warn("requests were cut off after {} ms: {}", END_MS, e.getMessage());
        }
        timers.shutdownNow();
        lanes.close();
        application.close();
    }
}
