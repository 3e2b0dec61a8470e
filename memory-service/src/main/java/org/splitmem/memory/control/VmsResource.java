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
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.memory.migration.ExpectedSplits;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.migration.SplitStarts;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.BudgetRequest;
import org.splitmem.model.GatherRequest;
import org.splitmem.model.MigrationRequest;
import org.splitmem.model.MovePagesRequest;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;
import org.splitmem.model.SplitRequest;
import org.splitmem.model.VmInfo;

/** The VMs of this host. */
@Path("v1/vms")
@Produces(MediaType.APPLICATION_JSON)
public final class VmsResource {
    private final String host;
    private final VmRegistry vms;
    private final VmViews views;
    private final MigrationService migrations;
    private final ExpectedSplits expected;
    private final SplitStarts starts;
    private final HostRoom room;

    /** @param host its name */
    VmsResource(
            String host,
            VmRegistry vms,
            VmViews views,
            MigrationService migrations,
            ExpectedSplits expected,
            SplitStarts starts,
            HostRoom room) {
        this.host = host;
        this.vms = vms;
        this.views = views;
        this.migrations = migrations;
        this.expected = expected;
        this.starts = starts;
        this.room = room;
    }

    @GET
    public List<VmInfo> list() {
        return views.all();
    }

    @GET
    @Path("{vm}")
    public VmInfo show(@PathParam("vm") String vm) {
        return views.find(vm).orElseThrow(() -> noVm(host, vm));
    }

    /** One that is here is split now, any other when it starts. */
    @POST
    @Path("{vm}/split")
    public Response split(@PathParam("vm") String which, @Nullable SplitRequest body) throws RefusedException {
        SplitRequest request = Parameters.body(body, SplitRequest.class);
        UUID uuid = uuidOf(which);
        if (vms.find(uuid) == null) {
            room.checkBudget(uuid, request.name() == null ? which : request.name(), request.budgetBytes());
        }
        Expected one = expected.request(uuid, request);
        return one == null
                ? Response.ok(Views.of(vm(which))).build()
                : Response.accepted(Views.of(one)).build();
    }

    @DELETE
    @Path("{vm}/split")
    public void forget(@PathParam("vm") String vm) throws RefusedException {
        starts.forget(uuidOf(vm));
    }

    @PUT
    @Path("{vm}/budget")
    public VmInfo setBudget(@PathParam("vm") String which, @Nullable BudgetRequest request) throws IOException {
        Vm vm = vm(which);
        setBudget(vm, Parameters.body(request, BudgetRequest.class).bytes());
        return Views.of(vm);
    }

    private void setBudget(Vm vm, long bytes) throws IOException {
        if (bytes < VmRecord.LEAST_BUDGET_BYTES) {
            throw new ApiException(
                    RefusalCode.BUDGET_TOO_SMALL,
                    "a budget of " + bytes + " B is less than " + VmRecord.LEAST_BUDGET_BYTES
                            + " B, the least that a VM can run with");
        }
        requireSplit(vm, "it has no sub-host yet; split it first");
        room.checkGrowth(vm, bytes);
        migrations.operations().setBudget(vm, bytes, 0);
    }

    @POST
    @Path("{vm}/gather")
    public Response gather(@PathParam("vm") String which, @Nullable GatherRequest body) throws IOException {
        Long rate = Parameters.body(body, GatherRequest.class).bandwidthBytesPerSecond();
        Vm vm = vm(which);
        requireSplit(vm, "nothing of it is elsewhere");
        long ram = vm.record().ramBytes();
        room.checkGrowth(vm, ram);
        migrations.operations().setBudget(vm, ram, rate == null ? 0 : rate);
        return Response.accepted(Views.of(vm)).build();
    }

    @POST
    @Path("{vm}/move-pages")
    public Response movePages(@PathParam("vm") String which, @Nullable MovePagesRequest body) throws RefusedException {
        MovePagesRequest request = Parameters.body(body, MovePagesRequest.class);
        Vm vm = vm(which);
        migrations.lenderChanges().empty(vm, request);
        return Response.accepted(Views.of(vm)).build();
    }

    @DELETE
    @Path("{vm}/move-pages/{host}")
    public VmInfo keepPages(@PathParam("vm") String which, @PathParam("host") String from) throws RefusedException {
        Vm vm = vm(which);
        migrations.lenderChanges().keep(vm, from);
        return Views.of(vm);
    }

    /** @param whyNotLocal what is to be said of one that is whole */
    private static void requireSplit(Vm vm, String whyNotLocal) {
        switch (vm.record().phase()) {
            case PAGED -> {}
            case LOCAL ->
                throw new ApiException(
                        RefusalCode.VM_LOCAL, "VM " + vm.name() + " is whole on this host: " + whyNotLocal);
            case INCOMING, LEAVING, LEFT ->
                throw new ApiException(RefusalCode.VM_MIGRATING, "VM " + vm.name() + " is migrating");
        }
    }

    @POST
    @Path("{vm}/migrations")
    public Response migrate(@PathParam("vm") String vm, @Nullable MigrationRequest request) throws RefusedException {
        return Response.accepted(migrations.start(vm(vm), Parameters.body(request, MigrationRequest.class)))
                .build();
    }

    private Vm vm(String uuidOrName) {
        return views.here(uuidOrName).orElseThrow(() -> noVm(host, uuidOrName));
    }

    /** Of a VM that is known by its name, or one that need not be known at all. */
    private UUID uuidOf(String uuidOrName) {
        Optional<VmInfo> known = views.find(uuidOrName);
        if (known.isPresent()) {
            return Parameters.uuid(known.get().uuid());
        }
        return VmViews.uuid(uuidOrName).orElseThrow(() -> noVm(host, uuidOrName));
    }

    static ApiException noVm(String host, String uuidOrName) {
        return new ApiException(
                RefusalCode.VM_NOT_FOUND,
                "no split-ready VM \"" + uuidOrName + "\" runs on " + host + "; \"splitmem vms\" lists those that do");
    }
}
