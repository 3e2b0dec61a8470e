package org.splitmem.memory.control;

import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.SecurityContext;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.net.URI;
import java.security.Principal;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.glassfish.jersey.CommonProperties;
import org.glassfish.jersey.internal.MapPropertiesDelegate;
import org.glassfish.jersey.server.ApplicationHandler;
import org.glassfish.jersey.server.ContainerRequest;
import org.glassfish.jersey.server.ContainerResponse;
import org.glassfish.jersey.server.ResourceConfig;
import org.glassfish.jersey.server.ServerProperties;
import org.glassfish.jersey.server.spi.ContainerResponseWriter;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.UrlText;

/**
 * Has Jersey answer requests that have come whole; it never sees a socket. Any thread.
 *
 * <p>A path comes as its decoded segments, since names of VMs may have slashes, dots and semicolons, and is encoded anew: then nothing in it
 * but the segments themselves means anything to Jersey. Of the headers Jersey sees none: bodies are JSON, whatever they are called.
 */
final class JerseyApplication implements AutoCloseable {
    /** Warns of every resource that is registered as an object, and uses it all the same. Held here, since loggers are collected otherwise. */
    private static final Logger PROVIDERS = Logger.getLogger("org.glassfish.jersey.internal.inject.Providers");

    private static final URI BASE = URI.create("http://splitmemd/");
    /** Others Jersey would answer itself. */
    private static final Set<String> METHODS = Set.of("GET", "POST", "PUT", "DELETE");

    private final ApplicationHandler jersey;

    /** @param components resources and providers */
    JerseyApplication(List<Object> components) {
        PROVIDERS.setLevel(Level.SEVERE);
        ResourceConfig config = new ResourceConfig();
        components.forEach(config::register);
        config.property(ServerProperties.WADL_FEATURE_DISABLE, true);
        config.property(ServerProperties.RESPONSE_SET_STATUS_OVER_SEND_ERROR, true);
        config.property(CommonProperties.FEATURE_AUTO_DISCOVERY_DISABLE, true);
        config.property(CommonProperties.METAINF_SERVICES_LOOKUP_DISABLE, true);
        jersey = new ApplicationHandler(config);
    }

    /**
     * Answers; may wait.
     *
     * @param path its segments, decoded
     * @param query as it came
     * @throws ApiException 404 if nothing can be there
     */
    Answer answer(String method, List<String> path, @Nullable String query, byte[] body) {
        if (!METHODS.contains(method) || path.contains("")) { // Jersey would leave an empty segment out
            throw new ApiException(Errors.unknown(method));
        }
        ContainerRequest request = new ContainerRequest(
                BASE,
                uri(path, query),
                method,
                new NobodysContext(),
                new MapPropertiesDelegate(),
                jersey.getConfiguration());
        request.header(HttpHeaders.CONTENT_TYPE, MediaType.APPLICATION_JSON);
        request.setEntityStream(new ByteArrayInputStream(body));
        Collector collector = new Collector();
        request.setWriter(collector);
        jersey.handle(request);
        return collector.answer();
    }

    private static URI uri(List<String> path, @Nullable String query) {
        StringBuilder text = new StringBuilder(BASE.toString());
        for (int i = 0; i < path.size(); i++) {
            text.append(i == 0 ? "" : "/").append(UrlText.segment(path.get(i)));
        }
        return URI.create(query == null ? text.toString() : text + "?" + query);
    }

    @Override
    public void close() {
        jersey.onShutdown(null);
    }

    /** Takes Jersey's answer as it is written. */
    private static final class Collector implements ContainerResponseWriter {
        private final ByteArrayOutputStream body = new ByteArrayOutputStream();
        private @Nullable ContainerResponse response;
        private @Nullable Throwable failure;

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
            failure = cause;
        }

        @Override
        public boolean enableResponseBuffering() {
            return false;
        }

        Answer answer() {
            ContainerResponse given = response;
            if (given == null || failure != null) {
                throw new IllegalStateException("Jersey has no answer", failure);
            }
            boolean json = MediaType.APPLICATION_JSON_TYPE.equals(given.getMediaType());
            return new Answer(given.getStatus(), json ? Answer.JSON : Answer.TEXT, body.toByteArray());
        }
    }

    /** Who asks has been checked before; JAX-RS's own notion of that is not used. */
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
