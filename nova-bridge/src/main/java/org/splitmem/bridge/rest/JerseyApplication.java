package org.splitmem.bridge.rest;

import jakarta.ws.rs.core.SecurityContext;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.security.Principal;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.glassfish.jersey.internal.MapPropertiesDelegate;
import org.glassfish.jersey.server.ApplicationHandler;
import org.glassfish.jersey.server.ContainerRequest;
import org.glassfish.jersey.server.ContainerResponse;
import org.glassfish.jersey.server.ResourceConfig;
import org.glassfish.jersey.server.spi.ContainerResponseWriter;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.gate.Application;
import org.splitmem.bridge.gate.Incoming;
import org.splitmem.bridge.gate.Reply;
import org.splitmem.model.Json;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;

/** Has Jersey answer requests that have come whole; it never sees a socket. Any thread. */
final class JerseyApplication implements Application {
    private static final Logger log = LoggerFactory.getLogger(JerseyApplication.class);
    private static final Map<String, List<String>> JSON = Map.of("Content-Type", List.of("application/json"));

    private final ApplicationHandler jersey;

    JerseyApplication(ResourceConfig resources) {
        jersey = new ApplicationHandler(resources);
    }

    @Override
    public Reply answer(Incoming incoming) {
        ContainerRequest request = new ContainerRequest(
                incoming.base(),
                incoming.uri(),
                incoming.method(),
                new NobodysContext(),
                new MapPropertiesDelegate(),
                jersey.getConfiguration());
        incoming.headers().forEach((name, values) -> request.headers(name, values));
        request.setEntityStream(new ByteArrayInputStream(incoming.body()));
        request.setProperty(Access.INCOMING, incoming);
        Collector collector = new Collector();
        request.setWriter(collector);
        try {
            jersey.handle(request);
        } catch (RuntimeException e) {
            collector.failure(e);
        }
        return collector.reply(request);
    }

    @Override
    public Reply refusal(Refusal refusal) {
        byte[] body = Json.writeSnake(ApiError.body(refusal));
        return new Reply(refusal.status(), JSON, body, refusal.code(), null);
    }

    @Override
    public void close() {
        jersey.onShutdown(null);
    }

    /** Takes Jersey's answer as it is written. */
    private final class Collector implements ContainerResponseWriter {
        private final ByteArrayOutputStream body = new ByteArrayOutputStream();
        private @Nullable ContainerResponse response;
        private boolean failed;

        @Override
        public OutputStream writeResponseStatusAndHeaders(long length, ContainerResponse given) {
            response = given;
            return body;
        }

        @Override
        public boolean suspend(long timeOut, TimeUnit unit, TimeoutHandler handler) {
            throw new UnsupportedOperationException("no resource is asynchronous");
        }

        @Override
        public void setSuspendTimeout(long timeOut, TimeUnit unit) {
            throw new UnsupportedOperationException("no resource is asynchronous");
        }

        @Override
        public void commit() {}

        @Override
        public void failure(Throwable cause) {
            log.error("a bug", cause);
            failed = true;
        }

        @Override
        public boolean enableResponseBuffering() {
            return false;
        }

        Reply reply(ContainerRequest request) {
            ContainerResponse given = response;
            if (failed || given == null) {
                return refusal(Refusal.ofBridge(RefusalCode.INTERNAL, "internal error; the log has the trace"));
            }
            Map<String, List<String>> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
            given.getStringHeaders().forEach(headers::put);
            headers.remove("Content-Length");
            String reason = given.getEntity() instanceof Bodies.ErrorBody error
                    ? error.error().reason()
                    : null;
            Object object = request.getProperty(Access.OBJECT);
            return new Reply(
                    given.getStatus(), headers, body.toByteArray(), reason, object == null ? null : object.toString());
        }
    }

    /** Who asks is in the request's property; JAX-RS's own notion of that is not used. */
    private static final class NobodysContext implements SecurityContext {
        @Override
        public @Nullable Principal getUserPrincipal() {
            return null;
        }

        @Override
        public boolean isUserInRole(String role) {
            return false;
        }

        @Override
        public boolean isSecure() {
            return false;
        }

        @Override
        public @Nullable String getAuthenticationScheme() {
            return null;
        }
    }
}
