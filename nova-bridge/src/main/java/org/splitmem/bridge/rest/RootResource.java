package org.splitmem.bridge.rest;

import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.store.StoreException;

/** What anybody may ask: versions, readiness, metrics. Health is answered by the gate. */
@Path("")
public final class RootResource {
    private static final Logger log = LoggerFactory.getLogger(RootResource.class);

    /** What has to work before requests make sense. */
    public interface Readiness {
        void check() throws ServiceException;
    }

    record VersionLink(String rel, String href) {}

    record Version(String id, String status, String minVersion, String version, List<VersionLink> links) {}

    record VersionList(List<Version> versions) {}

    private final PrometheusMeterRegistry metrics;
    private final Readiness readiness;

    RootResource(PrometheusMeterRegistry metrics, Readiness readiness) {
        this.metrics = metrics;
        this.readiness = readiness;
    }

    @GET
    @Produces(MediaType.APPLICATION_JSON)
    public VersionList versions(@Context UriInfo uri) {
        String href = uri.getBaseUri() + "v1";
        return new VersionList(List.of(new Version(
                "v1", "CURRENT", Versions.LEAST, Versions.GREATEST, List.of(new VersionLink("self", href)))));
    }

    @GET
    @Path("readyz")
    @Produces(MediaType.TEXT_PLAIN)
    public Response ready() {
        try {
            readiness.check();
            return Response.ok("ok\n").build();
        } catch (ServiceException | StoreException e) {
            log.warn("not ready: {}", e.getMessage());
            return Response.status(503)
                    .entity("not ready; nova-bridge's log says why\n")
                    .build();
        }
    }

    @GET
    @Path("metrics")
    @Produces("text/plain; version=0.0.4; charset=utf-8")
    public String metrics() {
        return metrics.scrape();
    }
}
