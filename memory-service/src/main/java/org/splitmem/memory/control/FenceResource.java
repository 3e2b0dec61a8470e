package org.splitmem.memory.control;

import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.migration.Fencing;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.model.FenceRequest;
import org.splitmem.model.FenceResult;
import org.splitmem.model.RefusedException;

/** A host is dead. Only an operator may say so, or nova-bridge when Nova evacuates: they know. */
@Path("v1")
@Produces(MediaType.APPLICATION_JSON)
public final class FenceResource {
    private final Fencing fencing;
    private final MemoryServer server;

    FenceResource(Fencing fencing, MemoryServer server) {
        this.fencing = fencing;
        this.server = server;
    }

    @POST
    @Path("fences")
    public FenceResult fence(@Nullable FenceRequest request) throws RefusedException {
        return fencing.fence(Parameters.body(request, FenceRequest.class));
    }

    /** Said by the host that was told. */
    @POST
    @Path("fenced")
    public PeerHosts.Fenced fenced(@Nullable FenceRequest body) throws IOException {
        FenceRequest request = Parameters.body(body, FenceRequest.class);
        return PeerHosts.Fenced.of(server.fence(request.host(), request.vm()));
    }
}
