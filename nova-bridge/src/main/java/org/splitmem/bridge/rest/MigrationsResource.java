package org.splitmem.bridge.rest;

import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.migration.MigrationService;
import org.splitmem.bridge.migration.Refusals;
import org.splitmem.bridge.rest.Bodies.MigrationBody;
import org.splitmem.bridge.rest.Bodies.OneMigration;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.MigrationStore.Filter;
import org.splitmem.bridge.store.Status;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** Migrations of VMs. */
@Path("v1/migrations")
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public final class MigrationsResource {
    private static final int MOST = 1000;

    private final MigrationService migrations;
    private final Access access;

    MigrationsResource(MigrationService migrations, Access access) {
        this.migrations = migrations;
        this.access = access;
    }

    /** Plans and books. */
    @POST
    public Response plan(Bodies.@Nullable MigrationRequest request, @Context ContainerRequestContext context)
            throws RefusedException {
        Bodies.MigrationRequest given = Parameters.body(request);
        context.setProperty(Access.OBJECT, "instance " + given.instanceUuid());
        access.require(context, given.projectId(), given.userId());
        Migration planned = migrations.plan(given.input(), given.destination());
        context.setProperty(Access.OBJECT, "migration " + planned.id() + " of instance " + planned.instance());
        return answer(201, planned, context);
    }

    @POST
    @Path("{id}/start")
    public Response start(@PathParam("id") String id, @Context ContainerRequestContext request)
            throws RefusedException {
        requireOneToChange(id, request);
        return answer(202, migrations.start(id), request);
    }

    @POST
    @Path("{id}/force-complete")
    public Response forceComplete(@PathParam("id") String id, @Context ContainerRequestContext request)
            throws RefusedException {
        requireOneToChange(id, request);
        return answer(202, migrations.forceComplete(id), request);
    }

    @DELETE
    @Path("{id}")
    public Response abort(@PathParam("id") String id, @Context ContainerRequestContext request)
            throws RefusedException {
        requireOneToChange(id, request);
        return answer(202, migrations.abort(id), request);
    }

    @GET
    @Path("{id}")
    public Response show(@PathParam("id") String id, @Context ContainerRequestContext request) throws RefusedException {
        requireOneToSee(id, request);
        return answer(200, migrations.show(id), request);
    }

    private Migration requireOneToSee(String id, ContainerRequestContext request) throws RefusedException {
        Migration migration = migrations.find(id);
        String project = access.onlyProject(request);
        if (project != null && !project.equals(migration.vm().projectId())) {
            // As if it were not there: that it is there is not theirs to know.
            throw Refusals.of(RefusalCode.MIGRATION_NOT_FOUND, "there is no migration " + id);
        }
        return migration;
    }

    private void requireOneToChange(String id, ContainerRequestContext request) throws RefusedException {
        Migration migration = requireOneToSee(id, request);
        request.setProperty(Access.OBJECT, "migration " + id + " of instance " + migration.instance());
        access.require(request, migration.vm().projectId(), migration.vm().userId());
    }

    @GET
    public Bodies.Migrations list(
            @QueryParam("instance_uuid") @Nullable String instance,
            @QueryParam("status") @Nullable String status,
            @QueryParam("source") @Nullable String source,
            @QueryParam("limit") @Nullable String limit,
            @QueryParam("marker") @Nullable String marker,
            @Context ContainerRequestContext request,
            @Context UriInfo uri)
            throws RefusedException {
        String project = access.onlyProject(request);
        HostNames names = access.hostNames(request);
        if (source != null && names == HostNames.HIDDEN) {
            throw new ApiError(RefusalCode.FORBIDDEN, "source: only those who see hosts by name can ask for one");
        }
        Filter filter = new Filter(
                instance == null ? null : Parameters.uuid(instance),
                status == null ? null : status(status),
                source,
                project);
        int most = limit == null ? MOST : Parameters.number("limit", limit, 1, MOST);
        List<Migration> found = migrations.list(filter, marker, most + 1);
        List<Migration> shown = found.stream().limit(most).toList();
        return new Bodies.Migrations(
                shown.stream()
                        .map(migration -> MigrationBody.of(migration, names))
                        .toList(),
                found.size() > most
                        ? List.of(Bodies.Link.next(uri, shown.get(most - 1).id()))
                        : null);
    }

    private static Status status(String word) {
        try {
            return Status.of(word);
        } catch (IllegalArgumentException e) {
            throw new ApiError(RefusalCode.INVALID_PARAMETER, "status: there is no '" + word + "'");
        }
    }

    private Response answer(int status, Migration migration, ContainerRequestContext request) {
        return Response.status(status)
                .entity(new OneMigration(MigrationBody.of(migration, access.hostNames(request))))
                .build();
    }
}
