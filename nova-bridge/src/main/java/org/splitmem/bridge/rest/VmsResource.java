package org.splitmem.bridge.rest;

import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.container.ContainerRequestContext;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.migration.VmPlacements;
import org.splitmem.bridge.rest.Bodies.VmBody;
import org.splitmem.bridge.store.PlacedVm;
import org.splitmem.bridge.store.Vm;
import org.splitmem.bridge.store.VmStore;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** VMs: where their memory is, and where it goes when they start. */
@Path("v1/vms")
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public final class VmsResource {
    private static final Set<String> NOT_RUNNING =
            Set.of(VmState.INCOMING.name(), VmState.EXPECTED.name(), VmState.DEFINED.name(), VmState.GONE.name());

    private final Daemons daemons;
    private final VmStore known;
    private final VmPlacements placements;
    private final Access access;

    VmsResource(Daemons daemons, VmStore known, VmPlacements placements, Access access) {
        this.daemons = daemons;
        this.known = known;
        this.placements = placements;
        this.access = access;
    }

    @GET
    public Bodies.Vms list(@Context ContainerRequestContext request) {
        return vms(access.onlyProject(request), access.hostNames(request));
    }

    /** Several hosts may tell of a VM: both ends of its way, and one that only expects it. The one that runs it is shown. */
    @GET
    @Path("{uuid}")
    public Bodies.OneVm show(@PathParam("uuid") String uuid, @Context ContainerRequestContext request) {
        String wanted = Parameters.uuid(uuid).toString();
        List<VmBody> found = vms(access.onlyProject(request), access.hostNames(request)).vms().stream()
                .filter(vm -> vm.instanceUuid().equals(wanted))
                .toList();
        return found.stream()
                .filter(vm -> !NOT_RUNNING.contains(vm.state()))
                .findFirst()
                .or(() -> found.stream().findFirst())
                .map(Bodies.OneVm::new)
                .orElseThrow(() -> new ApiError(RefusalCode.VM_NOT_FOUND, "no host that answers has VM " + wanted));
    }

    private Bodies.Vms vms(@Nullable String onlyProject, HostNames names) {
        Map<String, String> projects = new HashMap<>();
        known.all()
                .forEach(placed -> projects.put(
                        placed.vm().instance().toString(), placed.vm().projectId()));
        List<VmBody> vms = new ArrayList<>();
        List<String> unreachable = new ArrayList<>();
        for (Daemons.VmReport report : daemons.vms()) {
            List<VmInfo> told = report.vms();
            if (told == null) {
                unreachable.addAll(unreachable(report.host(), onlyProject, names));
                continue;
            }
            for (VmInfo vm : told) {
                String project = projects.get(vm.uuid());
                if (onlyProject == null || onlyProject.equals(project)) {
                    vms.add(VmBody.of(report.host(), vm, project, names));
                }
            }
        }
        return new Bodies.Vms(vms, unreachable);
    }

    /** Who sees one project sees that hosts are silent which are to have its VMs, and no others. */
    private List<String> unreachable(String host, @Nullable String onlyProject, HostNames names) {
        if (onlyProject == null) {
            return List.of(names.of(host, null));
        }
        boolean theirs = known.all().stream()
                .anyMatch(placed -> placed.vm().projectId().equals(onlyProject)
                        && placed.vm().host().equals(host));
        return theirs ? List.of(names.of(host, onlyProject)) : List.of();
    }

    @PUT
    @Path("{uuid}/placement")
    public Bodies.OnePlacement place(
            @PathParam("uuid") String uuid,
            Bodies.@Nullable PlacementRequest request,
            @Context ContainerRequestContext context)
            throws RefusedException {
        UUID instance = Parameters.uuid(uuid);
        context.setProperty(Access.OBJECT, "instance " + instance);
        Bodies.PlacementRequest given = Parameters.body(request);
        access.require(context, given.projectId(), given.userId());
        String from = given.evacuatedFrom();
        VmPlacements.Placement placement = from == null
                ? placements.place(given.input(instance))
                : placements.evacuate(given.input(instance), from);
        return new Bodies.OnePlacement(
                Bodies.PlacementBody.of(placement, access.hostNames(context), given.projectId()));
    }

    /** With the host that it is gone from, nothing is done if it has moved to another since. */
    @DELETE
    @Path("{uuid}/placement")
    public Response release(
            @PathParam("uuid") String uuid,
            @QueryParam("host") @Nullable String host,
            @Context ContainerRequestContext request)
            throws RefusedException {
        UUID instance = Parameters.uuid(uuid);
        request.setProperty(Access.OBJECT, "instance " + instance);
        Vm vm = known.find(instance).map(PlacedVm::vm).orElse(null);
        access.require(request, vm == null ? null : vm.projectId(), vm == null ? null : vm.userId());
        placements.release(instance, host);
        return Response.noContent().build();
    }
}
