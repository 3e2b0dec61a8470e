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
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.migration.MigrationService;
import org.splitmem.bridge.migration.RefusedException;
import org.splitmem.bridge.rest.Bodies.MigrationBody;
import org.splitmem.bridge.rest.Bodies.OneMigration;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Status;

/** Migrations of VMs. */
@Path("v1/migrations")
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public final class MigrationsResource {
    private final MigrationService migrations;
    private final Access access;

    MigrationsResource(MigrationService migrations, Access access) {
        this.migrations = migrations;
        this.access = access;
    }

    /** Plans and books. */
    @POST
    public Response plan(Bodies.@Nullable MigrationRequest request) throws RefusedException {
        Bodies.MigrationRequest given = Parameters.body(request);
        return answer(201, migrations.plan(given.input(), given.destination()));
    }

    @POST
    @Path("{id}/start")
    public Response start(@PathParam("id") String id) throws RefusedException {
        return answer(202, migrations.start(id));
    }

    @POST
    @Path("{id}/force-complete")
    public Response forceComplete(@PathParam("id") String id) throws RefusedException {
        return answer(202, migrations.forceComplete(id));
    }

    @DELETE
    @Path("{id}")
    public Response abort(@PathParam("id") String id) throws RefusedException {
        return answer(202, migrations.abort(id));
    }

    @GET
    @Path("{id}")
    public Response show(@PathParam("id") String id, @Context ContainerRequestContext request) throws RefusedException {
        Migration migration = migrations.find(id);
        String project = access.onlyProject(request);
        if (project != null && !project.equals(migration.vm().projectId())) {
            // As if it were not there: that it is there is not theirs to know.
            throw new RefusedException(
                    RefusedException.Kind.NOT_FOUND, "migration-not-found", "there is no migration " + id);
        }
        return answer(200, migrations.show(id), project == null);
    }

    @GET
    public Response list(
            @QueryParam("instance_uuid") @Nullable String instance,
            @QueryParam("status") @Nullable String status,
            @Context ContainerRequestContext request) {
        UUID uuid = instance == null ? null : Parameters.uuid(instance);
        String project = access.onlyProject(request);
        List<MigrationBody> found = migrations.list(uuid, status == null ? null : status(status)).stream()
                .filter(migration ->
                        project == null || project.equals(migration.vm().projectId()))
                .map(migration -> MigrationBody.of(migration, project == null))
                .toList();
        return Response.ok(new Bodies.Migrations(found)).build();
    }

    private static Status status(String word) {
        try {
            return Status.of(word);
        } catch (IllegalArgumentException e) {
            throw new ApiError(400, "invalid-parameter", "status: there is no '" + word + "'");
        }
    }

    private static Response answer(int status, Migration migration) {
        return answer(status, migration, true);
    }

    private static Response answer(int status, Migration migration, boolean withReason) {
        return Response.status(status)
                .entity(new OneMigration(MigrationBody.of(migration, withReason)))
                .build();
    }
}
