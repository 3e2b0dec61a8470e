package org.splitmem.memory.control;

import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.migration.PeerHosts;
import org.splitmem.memory.server.MemoryServer;
import org.splitmem.memory.server.StoreRecord;
import org.splitmem.memory.vm.Vm;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** What hosts ask of each other. */
@Path("v1")
@Produces(MediaType.APPLICATION_JSON)
public final class PeerResource {
    /** How long a question for readiness may wait: shorter than who asks, and a hung peer of theirs, is waited for. */
    private static final long READY_WAIT_NS = 5_000_000_000L;

    private final String host;
    private final VmViews views;
    private final MigrationService migrations;
    private final MemoryServer server;
    private final ExpectedSplits expected;
    private final HostRoom room;

    /** @param host its name */
    PeerResource(
            String host,
            VmViews views,
            MigrationService migrations,
            MemoryServer server,
            ExpectedSplits expected,
            HostRoom room) {
        this.host = host;
        this.views = views;
        this.migrations = migrations;
        this.server = server;
        this.expected = expected;
        this.room = room;
    }

    // ---- of a sub-host

    @POST
    @Path("reservations")
    public void reserve(PeerHosts.@Nullable Reservation body) throws IOException, RefusedException {
        PeerHosts.Reservation r = Parameters.body(body, PeerHosts.Reservation.class);
        PeerFields.check(r);
        try {
            server.reserve(
                    new StoreRecord(r.vm(), r.token(), r.epoch(), r.pages(), r.bytes(), r.owner(), r.main(), false));
        } catch (IllegalArgumentException e) {
            throw new ApiException(RefusalCode.INVALID_RESERVATION, String.valueOf(e.getMessage()));
        }
    }

    @DELETE
    @Path("reservations/{vm}")
    public void release(@PathParam("vm") String vm, @QueryParam("token") @Nullable String token) throws IOException {
        server.release(Parameters.uuid(vm), Parameters.required("token", token));
    }

    @PUT
    @Path("reservations/{vm}/next-owner")
    public void nameNextOwner(@PathParam("vm") String vm, PeerHosts.@Nullable NextOwner body) throws IOException {
        PeerHosts.NextOwner named = Parameters.body(body, PeerHosts.NextOwner.class);
        if (!named.vm().equals(Parameters.uuid(vm))) {
            throw new ApiException(
                    RefusalCode.INVALID_NEXT_OWNER, "the path names VM " + vm + ", the body " + named.vm());
        }
        if (!server.setNextOwner(named.vm(), named.token(), named.next())) {
            throw new ApiException(
                    RefusalCode.NO_SUCH_RESERVATION, host + " keeps nothing of VM " + vm + " under that token");
        }
    }

    // ---- of a destination

    @POST
    @Path("incoming")
    public void prepare(PeerHosts.@Nullable Incoming body) throws RefusedException {
        PeerHosts.Incoming incoming = Parameters.body(body, PeerHosts.Incoming.class);
        PeerFields.check(incoming);
        room.checkBudget(incoming.vm(), incoming.name(), incoming.budgetBytes());
        migrations.incoming().prepare(incoming);
    }

    @DELETE
    @Path("incoming/{vm}")
    public void cancel(@PathParam("vm") String vm, @QueryParam("token") @Nullable String token) {
        migrations.incoming().cancel(Parameters.uuid(vm), Parameters.required("token", token));
    }

    @GET
    @Path("incoming/{vm}/arrival")
    public PeerHosts.Arrival arrival(
            @PathParam("vm") String vm,
            @QueryParam("token") @Nullable String token,
            @QueryParam("epoch") @Nullable String epoch) {
        return migrations
                .incoming()
                .arrival(
                        Parameters.uuid(vm),
                        Parameters.required("token", token),
                        Parameters.number("epoch", epoch, RefusalCode.INVALID_EPOCH));
    }

    // ---- of a source

    @DELETE
    @Path("outgoing/{vm}")
    public void arrived(@PathParam("vm") String vm, @QueryParam("token") @Nullable String token)
            throws RefusedException {
        migrations.arrived(Parameters.uuid(vm), Parameters.required("token", token));
    }

    @GET
    @Path("outgoing/{vm}/fate")
    public PeerHosts.Fate fate(@PathParam("vm") String vm, @QueryParam("token") @Nullable String token) {
        return migrations.fate(Parameters.uuid(vm), Parameters.required("token", token));
    }

    @GET
    @Path("outgoing/{vm}/wants-stores")
    public boolean wantsStores(@PathParam("vm") String vm) {
        return expected.wantsStores(Parameters.uuid(vm));
    }

    /**
     * Waits for some seconds until a VM may come, for libvirt's hook at its destination: 204 if it may, 202 if that is to be asked again. One
     * that the hypervisor was asked for directly is begun, if that is wanted: one-to-one.
     */
    @POST
    @Path("outgoing/{vm}/ready")
    public Response makeReady(
            @PathParam("vm") String which,
            @QueryParam("destination") @Nullable String destination,
            @QueryParam("start") @Nullable String start,
            @QueryParam("nearly") @Nullable String nearly)
            throws RefusedException {
        UUID uuid = Parameters.uuid(which);
        String to = Parameters.required("destination", destination);
        boolean begin = Parameters.required("start", start).equals("true");
        boolean soon = Parameters.required("nearly", nearly).equals("true");
        Vm vm = views.here(uuid.toString()).orElseThrow(() -> VmsResource.noVm(host, uuid.toString()));
        if (begin && !isMigrating(uuid) && !isStartedForHook(vm, to)) {
            return Response.accepted().build();
        }
        if (migrations.awaitReady(uuid, soon, READY_WAIT_NS)) {
            return Response.noContent().build();
        }
        if (isMigrating(uuid) || migrations.isStarting(uuid)) {
            return Response.accepted().build();
        }
        throw new ApiException(
                RefusalCode.MIGRATION_FAILED,
                "the memory of VM " + vm.name() + " could not be prepared: " + migrations.whyNotReady(uuid));
    }

    /** @return false if another request is starting one at the same time: that one is waited for then */
    private boolean isStartedForHook(Vm vm, String destination) throws RefusedException {
        try {
            migrations.startForHypervisor(vm, destination);
            return true;
        } catch (RefusedException e) {
            if (!isMigrating(vm.uuid()) && !migrations.isStarting(vm.uuid())) {
                throw e;
            }
            return false;
        }
    }

    private boolean isMigrating(UUID uuid) {
        return migrations.list().stream()
                .anyMatch(m -> m.vm().equals(uuid.toString()) && !m.phase().isOver());
    }
}
