package org.splitmem.memory.control;

import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.drain.Drainer;
import org.splitmem.memory.drain.Lending;
import org.splitmem.memory.migration.PeerRefusalException;
import org.splitmem.model.DrainRequest;
import org.splitmem.model.LendRequest;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** What a host lends: this one, or one of its peers, to which the request goes on. */
@Path("v1")
@Produces(MediaType.APPLICATION_JSON)
public final class LendingResource {
    private static final String DRAIN = "/drain";
    private static final String LIMIT = "/limit";

    private final String self;
    private final Lending lending;
    private final Drainer drainer;
    private final HttpPeers peers;

    LendingResource(String self, Drainer drainer, HttpPeers peers) {
        this.self = self;
        this.lending = drainer.lending();
        this.drainer = drainer;
        this.peers = peers;
    }

    // ---- this host

    @GET
    @Path("lending")
    public LendingInfo show() {
        return drainer.view();
    }

    @POST
    @Path("lending/drain")
    public Response drain(@Nullable DrainRequest body) throws RefusedException {
        lending.drain(Parameters.body(body, DrainRequest.class));
        return Response.accepted(show()).build();
    }

    @DELETE
    @Path("lending/drain")
    public LendingInfo cancelDrain() throws RefusedException {
        lending.cancelDrain();
        return show();
    }

    @PUT
    @Path("lending/limit")
    public LendingInfo limit(@Nullable LendRequest body) throws RefusedException {
        lending.limit(Parameters.body(body, LendRequest.class));
        return show();
    }

    @DELETE
    @Path("lending/limit")
    public LendingInfo limitAsConfigured() throws RefusedException {
        lending.limitAsConfigured();
        return show();
    }

    // ---- any host

    @GET
    @Path("hosts/{host}/lending")
    public LendingInfo show(@PathParam("host") String host) throws IOException {
        return isHere(host) ? show() : ask(host, "GET", "", null);
    }

    @POST
    @Path("hosts/{host}/lending/drain")
    public Response drain(@PathParam("host") String host, @Nullable DrainRequest body)
            throws IOException, RefusedException {
        DrainRequest request = Parameters.body(body, DrainRequest.class);
        return isHere(host)
                ? drain(request)
                : Response.accepted(ask(host, "POST", DRAIN, request)).build();
    }

    @DELETE
    @Path("hosts/{host}/lending/drain")
    public LendingInfo cancelDrain(@PathParam("host") String host) throws IOException, RefusedException {
        return isHere(host) ? cancelDrain() : ask(host, "DELETE", DRAIN, null);
    }

    @PUT
    @Path("hosts/{host}/lending/limit")
    public LendingInfo limit(@PathParam("host") String host, @Nullable LendRequest body)
            throws IOException, RefusedException {
        LendRequest request = Parameters.body(body, LendRequest.class);
        return isHere(host) ? limit(request) : ask(host, "PUT", LIMIT, request);
    }

    @DELETE
    @Path("hosts/{host}/lending/limit")
    public LendingInfo limitAsConfigured(@PathParam("host") String host) throws IOException, RefusedException {
        return isHere(host) ? limitAsConfigured() : ask(host, "DELETE", LIMIT, null);
    }

    private boolean isHere(String host) {
        return host.equals(self);
    }

    /** Its refusal is ours. */
    private LendingInfo ask(String host, String method, String path, @Nullable Object body) throws IOException {
        try {
            peers.find(host);
        } catch (IOException e) {
            throw new ApiException(RefusalCode.HOST_NOT_FOUND, String.valueOf(e.getMessage()));
        }
        try {
            return peers.lending(host, method, path, body);
        } catch (PeerRefusalException e) {
            throw new ApiException(e.refusal());
        }
    }
}
