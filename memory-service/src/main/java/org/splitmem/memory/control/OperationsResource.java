package org.splitmem.memory.control;

import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.operation.Operations;
import org.splitmem.model.AbortReason;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.RefusedException;

/** All that changes where pages are on this host, whatever began it, and what became of it. */
@Path("v1/operations")
@Produces(MediaType.APPLICATION_JSON)
public final class OperationsResource {
    /** Of who does not say why. */
    private static final String NO_REASON = "cancelled by a request to splitmemd's API";

    private final Operations operations;

    OperationsResource(Operations operations) {
        this.operations = operations;
    }

    /** @param ended whether those that are over are wanted, too */
    @GET
    public List<OperationInfo> list(@QueryParam("ended") boolean ended) {
        return operations.list(ended);
    }

    @GET
    @Path("{id}")
    public OperationInfo show(@PathParam("id") String id) throws RefusedException {
        return operations.show(id);
    }

    @DELETE
    @Path("{id}")
    public OperationInfo cancel(@PathParam("id") String id, @QueryParam(AbortReason.PARAMETER) @Nullable String reason)
            throws RefusedException {
        return operations.cancel(id, reason == null ? NO_REASON : Parameters.reason(reason));
    }
}
