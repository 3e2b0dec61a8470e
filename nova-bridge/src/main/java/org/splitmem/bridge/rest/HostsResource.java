package org.splitmem.bridge.rest;

import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.daemon.HostReport;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.migration.Drains;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.placement.Provider;
import org.splitmem.bridge.registry.HostRegistry;
import org.splitmem.bridge.registry.PeerTeller;
import org.splitmem.bridge.store.HostStore;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** The hosts: how they are, and where their splitmemd is. */
@Path("v1/hosts")
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public final class HostsResource {
    private final HostRegistry registry;
    private final PeerTeller peers;
    private final Daemons daemons;
    private final PlacementClient placement;
    private final Drains drains;

    HostsResource(HostRegistry registry, PeerTeller peers, Daemons daemons, PlacementClient placement, Drains drains) {
        this.registry = registry;
        this.peers = peers;
        this.daemons = daemons;
        this.placement = placement;
        this.drains = drains;
    }

    /** Those that are known, and those that lend by Placement's word and have not registered. */
    @GET
    public Bodies.Hosts list() throws ServiceException {
        Map<String, Long> unclaimed = new HashMap<>();
        for (Provider lender : placement.lenders(null)) {
            unclaimed.put(lender.name(), lender.freeMb());
        }
        Map<String, HostStore.Entry> registered = new HashMap<>();
        registry.registered().forEach(entry -> registered.put(entry.host().name(), entry));
        Map<String, Bodies.HostBody> hosts = new TreeMap<>();
        unclaimed.forEach((name, mb) -> hosts.put(name, Bodies.HostBody.ofStranger(name, mb)));
        for (HostReport report : daemons.reports()) {
            String name = report.host().name();
            hosts.put(name, Bodies.HostBody.of(report, unclaimed.get(name), registered.get(name)));
        }
        return new Bodies.Hosts(hosts.values().stream().toList());
    }

    /** By the Nova driver on the host, again and again. Takes the place of what the host, or its address, was registered as before. */
    @PUT
    @Path("{name}")
    public Response register(
            @PathParam("name") String name,
            Bodies.@Nullable HostRegistration request,
            @Context ContainerRequestContext context) {
        Bodies.HostRegistration given = Parameters.body(request);
        if (name.isBlank() || name.length() > 255) {
            throw new ApiError(RefusalCode.INVALID_PARAMETER, "name: blank, or longer than 255 characters");
        }
        try {
            boolean changed = registry.register(given.host(name));
            if (changed) {
                context.setProperty(Access.OBJECT, "host " + name);
            }
            // Not waited for: what fails is in the log, and the host's next registration mends it.
            CompletableFuture<Void> unused = peers.registered(name, changed);
        } catch (IllegalArgumentException e) {
            throw new ApiError(RefusalCode.ADDRESS_NOT_ALLOWED, "control_address: " + e.getMessage());
        }
        return Response.noContent().build();
    }

    @GET
    @Path("{name}/drain")
    public Bodies.OneDrain showDrain(@PathParam("name") String name) throws RefusedException {
        requireKnown(name);
        return new Bodies.OneDrain(Bodies.DrainBody.of(drains.show(name)));
    }

    /** The host lends nothing new, and what it keeps for VMs of other hosts moves elsewhere. */
    @POST
    @Path("{name}/drain")
    public Response drain(@PathParam("name") String name, @Context ContainerRequestContext context)
            throws RefusedException {
        context.setProperty(Access.OBJECT, "host " + name);
        requireKnown(name);
        return Response.status(202)
                .entity(new Bodies.OneDrain(Bodies.DrainBody.of(drains.begin(name))))
                .build();
    }

    @DELETE
    @Path("{name}/drain")
    public Bodies.OneDrain cancelDrain(@PathParam("name") String name, @Context ContainerRequestContext context)
            throws RefusedException {
        context.setProperty(Access.OBJECT, "host " + name);
        requireKnown(name);
        return new Bodies.OneDrain(Bodies.DrainBody.of(drains.cancel(name)));
    }

    private void requireKnown(String name) {
        if (registry.find(name).isEmpty()) {
            throw new ApiError(RefusalCode.HOST_NOT_FOUND, "no host is registered as " + name);
        }
    }

    /** Of a host that is gone for good; one that is not registers again. */
    @DELETE
    @Path("{name}")
    public Response forget(@PathParam("name") String name, @Context ContainerRequestContext context) {
        context.setProperty(Access.OBJECT, "host " + name);
        if (!registry.forget(name)) {
            throw new ApiError(RefusalCode.HOST_NOT_FOUND, "no host is registered as " + name);
        }
        return Response.noContent().build();
    }
}
