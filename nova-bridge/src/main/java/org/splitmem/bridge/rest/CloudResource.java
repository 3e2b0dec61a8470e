package org.splitmem.bridge.rest;

import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.migration.MigrationService;
import org.splitmem.bridge.migration.RefusedException;
import org.splitmem.bridge.migration.VmPlacements;
import org.splitmem.bridge.placement.PlacementClient;
import org.splitmem.bridge.plan.Plan;

/** What concerns all hosts: how they are, and what would be planned. */
@Path("v1")
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public final class CloudResource {
    private final Daemons daemons;
    private final PlacementClient placement;
    private final MigrationService migrations;
    private final VmPlacements placements;
    private final Access access;

    CloudResource(
            Daemons daemons,
            PlacementClient placement,
            MigrationService migrations,
            VmPlacements placements,
            Access access) {
        this.daemons = daemons;
        this.placement = placement;
        this.migrations = migrations;
        this.placements = placements;
        this.access = access;
    }

    @GET
    @Path("hosts")
    public Bodies.Hosts hosts() throws ServiceException {
        Map<String, Long> unclaimed = new HashMap<>();
        placement.lenders(null).forEach(lender -> unclaimed.put(lender.name(), lender.freeMb()));
        return new Bodies.Hosts(daemons.reports().stream()
                .map(report ->
                        Bodies.HostBody.of(report, unclaimed.get(report.host().name())))
                .toList());
    }

    /** A dry run: nothing is booked. */
    @POST
    @Path("plans")
    public Bodies.OnePlan plan(Bodies.@Nullable PlanRequest request, @Context ContainerRequestContext context)
            throws RefusedException {
        Bodies.PlanRequest given = Parameters.body(request);
        access.require(context, given.projectId(), given.userId());
        Plan plan = given.source() == null
                ? placements.dryRun(given.input())
                : migrations.dryRun(given.input(), given.destination());
        return new Bodies.OnePlan(Bodies.PlanBody.of(plan, access.hostNames(context), given.projectId()));
    }
}
