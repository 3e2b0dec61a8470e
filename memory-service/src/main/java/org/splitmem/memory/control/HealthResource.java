package org.splitmem.memory.control;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Response;
import java.util.List;
import java.util.function.Supplier;

/** Health and metrics. */
@Path("")
@Produces(Answer.TEXT)
public final class HealthResource {
    private final DaemonMetrics metrics;
    private final Supplier<List<String>> troubles;

    HealthResource(DaemonMetrics metrics, Supplier<List<String>> troubles) {
        this.metrics = metrics;
        this.troubles = troubles;
    }

    @GET
    @Path("healthz")
    public Response health() {
        List<String> wrong = troubles.get();
        return wrong.isEmpty()
                ? Response.ok("ok\n").build()
                : Response.status(503).entity(String.join("\n", wrong) + "\n").build();
    }

    @GET
    @Path("metrics")
    public String metrics() {
        return metrics.scrape();
    }
}
