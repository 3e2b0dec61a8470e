package org.splitmem.bridge.rest;

import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.migration.MigrationService;
import org.splitmem.bridge.migration.VmPlacements;
import org.splitmem.bridge.plan.Plan;
import org.splitmem.model.RefusedException;

/** What would be planned. */
@Path("v1/plans")
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public final class PlansResource {
    private final MigrationService migrations;
    private final VmPlacements placements;
    private final Access access;

    PlansResource(MigrationService migrations, VmPlacements placements, Access access) {
        this.migrations = migrations;
        this.placements = placements;
        this.access = access;
    }

    /** A dry run: nothing is booked. */
    @POST
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
