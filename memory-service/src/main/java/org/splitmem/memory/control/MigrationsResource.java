package org.splitmem.memory.control;

import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.model.AbortReason;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** Migrations from this host. */
@Path("v1/migrations")
@Produces(MediaType.APPLICATION_JSON)
public final class MigrationsResource {
    /** Of who does not say why. */
    private static final String NO_REASON = "aborted by a request to splitmemd's API";

    private final MigrationService migrations;

    MigrationsResource(MigrationService migrations) {
        this.migrations = migrations;
    }

    @GET
    public List<MigrationInfo> list() {
        return migrations.list();
    }

    @GET
    @Path("{id}")
    public MigrationInfo show(@PathParam("id") String id) {
        return migrations
                .find(id)
                .orElseThrow(() ->
                        new ApiException(RefusalCode.MIGRATION_NOT_FOUND, "no migration " + id + " on this host"));
    }

    @DELETE
    @Path("{id}")
    public MigrationInfo abort(@PathParam("id") String id, @QueryParam(AbortReason.PARAMETER) @Nullable String reason)
            throws RefusedException {
        return migrations.abort(id, reason == null ? NO_REASON : Parameters.reason(reason));
    }

    @POST
    @Path("{id}/complete")
    public MigrationInfo complete(@PathParam("id") String id) throws RefusedException {
        return migrations.complete(id);
    }
}
