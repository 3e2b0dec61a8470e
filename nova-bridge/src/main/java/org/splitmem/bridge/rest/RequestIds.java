package org.splitmem.bridge.rest;

import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.container.ContainerRequestFilter;
import jakarta.ws.rs.container.ContainerResponseContext;
import jakarta.ws.rs.container.ContainerResponseFilter;
import jakarta.ws.rs.container.PreMatching;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.splitmem.bridge.http.Caller;

/** Names each request: in all logs, in its answer, and in all calls of other services. */
@PreMatching
final class RequestIds implements ContainerRequestFilter, ContainerResponseFilter {
    private static final Logger log = LoggerFactory.getLogger("access");
    static final String HEADER = "X-Openstack-Request-Id";
    private static final String BEGAN = "splitmem.began";
    private static final String FORM = "req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";

    /** The caller's own request, which this one is a part of; OpenStack calls it the global one. */
    private static final String GLOBAL = "global";

    private final BridgeMetrics metrics;

    RequestIds(BridgeMetrics metrics) {
        this.metrics = metrics;
    }

    @Override
    public void filter(ContainerRequestContext request) {
        MDC.put(Caller.REQUEST_ID, "req-" + UUID.randomUUID());
        String given = request.getHeaderString(HEADER);
        if (given != null && given.matches(FORM)) {
            MDC.put(GLOBAL, given);
        } else {
            MDC.remove(GLOBAL);
        }
        request.setProperty(BEGAN, System.nanoTime());
    }

    @Override
    public void filter(ContainerRequestContext request, ContainerResponseContext response) {
        String id = MDC.get(Caller.REQUEST_ID);
        if (id != null) {
            response.getHeaders().putSingle(HEADER, id);
        }
        Object began = request.getProperty(BEGAN);
        long ns = began instanceof Long at ? System.nanoTime() - at : 0;
        metrics.answered(request.getMethod(), response.getStatus(), ns);
        log.debug(
                "{} {} {} {} ms",
                request.getMethod(),
                request.getUriInfo().getPath(),
                response.getStatus(),
                ns / 1_000_000);
        MDC.clear();
    }
}
