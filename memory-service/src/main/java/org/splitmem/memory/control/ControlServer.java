package org.splitmem.memory.control;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.http.UriCompliance.Violation;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Fields;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.config.DaemonConfig;
import org.splitmem.memory.drain.Drainer;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.migration.Fencing;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.migration.RequestId;
import org.splitmem.memory.migration.RequestTime;
import org.splitmem.memory.migration.SplitStarts;
import org.splitmem.memory.net.Transport;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.UrlText;
import org.splitmem.model.config.ConfigException;

/** The HTTP server: who may ask, how long, and how much; the resources answer. */
public final class ControlServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ControlServer.class);
    private static final int MAX_THREADS = 64;
    private static final int MIN_THREADS = 4;
    /** What is spoken below TLS. */
    private static final String HTTP = "http/1.1";
    /** Between bytes of a request's head, for all of its body, and between requests. A call that is being answered may take as long as it takes. */
    public static final long IDLE_MS = 30_000;

    /** A segment may be the name of a VM, which others chose. Paths are compared segment by segment, and are of no files. */
    private static final UriCompliance ANY_SEGMENT = UriCompliance.RFC3986.with(
            "any segment",
            Violation.AMBIGUOUS_PATH_SEGMENT,
            Violation.AMBIGUOUS_EMPTY_SEGMENT,
            Violation.AMBIGUOUS_PATH_SEPARATOR,
            Violation.AMBIGUOUS_PATH_PARAMETER,
            Violation.AMBIGUOUS_PATH_ENCODING,
            Violation.BAD_UTF8_ENCODING,
            Violation.TRUNCATED_UTF8_ENCODING,
            Violation.SUSPICIOUS_PATH_CHARACTERS,
            Violation.ILLEGAL_PATH_CHARACTERS);

    private final Server server;
    private final List<Object> components;
    /** From the start on. */
    private @Nullable JerseyApplication application;

    private final Path socket;
    private final @Nullable ServerConnector tcp;
    private final byte[] bearer;
    private volatile Supplier<List<String>> troubles = List::of;
    private final long idleMs;
    private final QueuedThreadPool threads;

    /**
     * Wires; {@link #start} binds.
     *
     * @param key of the cluster
     * @param drainer of what this host lends
     * @param idleMs after which a peer that dawdles is dropped, see {@link #IDLE_MS}
     */
    public ControlServer(
            DaemonConfig config,
            String key,
            VmRegistry vms,
            MigrationService migrations,
            Drainer drainer,
            HttpPeers peers,
            HostFacts facts,
            ExpectedSplits expected,
            SplitStarts starts,
            long idleMs)
            throws ConfigException {
        this.idleMs = idleMs;
        String host = config.hostName();
        MemoryServer memoryServer = drainer.lending().server();
        VmViews views = new VmViews(vms, expected, starts);
        HostRoom room = new HostRoom(host, starts.room(), facts);
        PeerHosts.Peer here = new PeerHosts.Peer(host, config.controlAddress(), config.dataPort());
        this.components = List.of(
                new JsonBodies(),
                new Errors(),
                new HealthResource(
                        new DaemonMetrics(vms, migrations::list, memoryServer, drainer), () -> troubles.get()),
                new LendingResource(host, drainer, peers),
                new HostResource(config, vms, memoryServer, peers, facts),
                new VmsResource(host, vms, views, migrations, expected, starts, room),
                new MigrationsResource(migrations),
                new OperationsResource(migrations.operations().all()),
                new FenceResource(
                        new Fencing(
                                peers,
                                here,
                                memoryServer,
                                vm -> vms.find(vm) != null || vms.damaged().contains(vm)),
                        memoryServer),
                new PeerResource(host, views, migrations, memoryServer, expected, room),
                new HookResource(config, migrations, peers, vms));
        this.socket = config.controlSocket();
        this.bearer = ("Bearer " + key).getBytes(StandardCharsets.UTF_8);
        threads = new QueuedThreadPool(MAX_THREADS, MIN_THREADS);
        threads.setName("control");
        this.server = new Server(threads);
        this.tcp = config.controlAddress().isEmpty() ? null : tcp(config);
        UnixDomainServerConnector unix = new UnixDomainServerConnector(server, 1, 1, http());
        unix.setUnixDomainPath(socket);
        unix.setIdleTimeout(idleMs);
        server.addConnector(unix);
    }

    private ServerConnector tcp(DaemonConfig config) throws ConfigException {
        SSLContext tls = Transport.controlTls();
        ServerConnector connector = tls == null
                ? new ServerConnector(server, 1, 1, http())
                : new ServerConnector(server, 1, 1, new SslConnectionFactory(sslOf(tls), HTTP), http());
        InetSocketAddress address = new InetSocketAddress(config.bindAddress(), config.controlPort());
        connector.setHost(address.getAddress().getHostAddress());
        connector.setPort(address.getPort());
        connector.setIdleTimeout(idleMs);
        server.addConnector(connector);
        return connector;
    }

    private static SslContextFactory.Server sslOf(SSLContext tls) {
        SslContextFactory.Server ssl = new SslContextFactory.Server();
        ssl.setSslContext(tls);
        ssl.setNeedClientAuth(true);
        return ssl;
    }

    private HttpConnectionFactory http() {
        HttpConfiguration http = new HttpConfiguration();
        http.setSendServerVersion(false);
        http.setIdleTimeout(idleMs);
        http.setUriCompliance(ANY_SEGMENT);
        return new HttpConnectionFactory(http);
    }

    /** @param toTell a line for each thing that this daemon cannot do at present; any thread may ask */
    public void setTroubles(Supplier<List<String>> toTell) {
        troubles = toTell;
    }

    /**
     * Binds, and answers. Takes its time, as Jersey makes its model of the resources: what guests wait for is to be started before.
     *
     * @throws IOException if it cannot bind: the text says to what
     */
    public void start() throws IOException {
        ProcessLimits.read().shortages().forEach(shortage -> log.warn("splitmemd is limited: {}", shortage));
        Files.deleteIfExists(socket);
        JerseyApplication jersey = new JerseyApplication(components);
        application = jersey;
        server.setHandler(new Dispatcher(jersey));
        try {
            server.start();
        } catch (IOException e) {
            throw e;
        } catch (Exception e) { // Jetty's life cycle declares no less
            throw new IOException("the control API cannot start: " + e.getMessage(), e);
        }
        Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-rw----"));
    }

    @Override
    public void close() throws IOException {
        try {
            server.stop();
        } catch (Exception e) { // Jetty's life cycle declares no less
            throw new IOException("the control API did not stop cleanly: " + e.getMessage(), e);
        } finally {
            if (application != null) {
                application.close();
            }
            Files.deleteIfExists(socket);
        }
    }

    private final class Dispatcher extends Handler.Abstract {
        private final JerseyApplication application;

        Dispatcher(JerseyApplication application) {
            this.application = application;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            String path = request.getHttpURI().getPath(); // still encoded: a name in it may have slashes
            String requestId = RequestId.checked(request.getHeaders().get(RequestId.HEADER));
            if (requestId != null) {
                response.getHeaders().put(RequestId.HEADER, requestId);
            }
            try {
                checkAllowed(request); // before anything of the body is read
            } catch (ApiException e) {
                send(Errors.answer(e, request.getMethod(), path), response, callback);
                return true;
            }
            CompletableFuture<byte[]> body = Body.of(request, idleMs);
            if (body.isDone() && !body.isCompletedExceptionally()) {
                send(answer(requestId, request, path, body.join(), null), response, callback);
            } else {
                request.addIdleTimeoutListener(timeout -> body.isDone()); // while it is read its own limit counts
                CompletableFuture<?> unused = body.whenCompleteAsync(
                        (whole, failure) -> send(answer(requestId, request, path, whole, failure), response, callback),
                        threads);
            }
            return true;
        }

        private void send(Answer answer, Response response, Callback callback) {
            response.setStatus(answer.status());
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, answer.contentType());
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, answer.body().length);
            response.write(true, ByteBuffer.wrap(answer.body()), callback);
        }

        /** As the part of that request that this host does. */
        private Answer answer(
                @Nullable String requestId,
                Request request,
                String path,
                byte @Nullable [] body,
                @Nullable Throwable failure) {
            RequestId.isPartOf(requestId);
            try {
                return answer(request, path, body, failure);
            } finally {
                RequestId.isPartOf(null);
            }
        }

        /** @param failure why there is no body; absent if there is one */
        @SuppressWarnings("try") // a scope
        private Answer answer(Request request, String path, byte @Nullable [] body, @Nullable Throwable failure) {
            try (RequestTime.Scope unused = time(request)) {
                if (body == null) {
                    throw unreadable(failure);
                }
                return application.answer(request.getMethod(), segments(path), query(request), body);
            } catch (IOException | RuntimeException e) {
                return Errors.answer(e, request.getMethod(), path);
            }
        }

        private RequestTime.Scope time(Request request) {
            try {
                return RequestTime.begin(
                        request.getBeginNanoTime(), request.getHeaders().get(RequestTime.HEADER));
            } catch (IllegalArgumentException e) {
                throw new ApiException(RefusalCode.INVALID_TIMEOUT, String.valueOf(e.getMessage()));
            }
        }

        private void checkAllowed(Request request) {
            if (request.getConnectionMetaData().getConnector() != tcp) {
                return; // the socket's file mode decided
            }
            String shown = request.getHeaders().get(HttpHeader.AUTHORIZATION);
            byte[] bytes = shown == null ? new byte[0] : shown.getBytes(StandardCharsets.UTF_8);
            if (!MessageDigest.isEqual(bearer, bytes)) {
                throw new ApiException(
                        RefusalCode.UNAUTHORIZED, "the cluster's key is missing or wrong (cluster.key-file)");
            }
        }

        private IOException unreadable(@Nullable Throwable failure) {
            Throwable cause =
                    failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
            if (cause instanceof ApiException refused) {
                throw refused;
            }
            return cause instanceof IOException e
                    ? e
                    : new IOException("the request's body cannot be read: " + cause, cause);
        }

        private List<String> segments(String path) {
            try {
                return Arrays.stream(path.split("/", -1))
                        .skip(1)
                        .map(UrlText::ofSegment)
                        .toList();
            } catch (IllegalArgumentException e) {
                throw new ApiException(
                        RefusalCode.INVALID_PATH, "the path is not encoded as a URL's: " + e.getMessage());
            }
        }

        /** Encoded anew: Jetty takes more than a URI may have. */
        private @Nullable String query(Request request) {
            if (request.getHttpURI().getQuery() == null) {
                return null;
            }
            List<String> pairs = new ArrayList<>();
            try {
                for (Fields.Field field : Request.extractQueryParameters(request)) {
                    String name = UrlText.query(field.getName());
                    field.getValues().forEach(value -> pairs.add(name + "=" + UrlText.query(value)));
                }
            } catch (RuntimeException e) { // Jetty's are several
                throw new ApiException(
                        RefusalCode.INVALID_PATH, "the query is not encoded as a URL's: " + e.getMessage());
            }
            return String.join("&", pairs);
        }
    }
}
