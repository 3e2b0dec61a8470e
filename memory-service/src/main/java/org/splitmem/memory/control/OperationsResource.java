package org.splitmem.memory.control;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.drain.Drainer;
import org.splitmem.memory.migration.MigrationService;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.memory.vm.VmRegistry;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.OperationInfo;
import org.splitmem.model.OperationKind;

/** All that is under way on this host and changes where pages are, whatever began it. */
@Path("v1/operations")
@Produces(MediaType.APPLICATION_JSON)
public final class OperationsResource {
    private final String self;
    private final MigrationService migrations;
    private final VmRegistry vms;
    private final Drainer drainer;

    OperationsResource(String self, MigrationService migrations, VmRegistry vms, Drainer drainer) {
        this.self = self;
        this.migrations = migrations;
        this.vms = vms;
        this.drainer = drainer;
    }

    @GET
    public List<OperationInfo> list() {
        List<OperationInfo> all = new ArrayList<>();
        for (MigrationInfo migration : migrations.list()) {
            if (!migration.phase().isOver()) {
                all.add(of(migration));
            }
        }
        for (Vm vm : vms.all()) {
            addTo(all, vm);
        }
        LendingInfo lending = drainer.view();
        if (lending.state() == LendingState.DRAINING || lending.state() == LendingState.SHRINKING) {
            all.add(of(lending));
        }
        return all;
    }

    private static OperationInfo of(MigrationInfo migration) {
        return new OperationInfo(
                OperationKind.MIGRATE,
                migration.vm(),
                migration.name(),
                migration.source(),
                migration.destination(),
                migration.phase().name(),
                migration.bytesRemaining(),
                migration.rateBytesPerSecond(),
                migration.etaSeconds(),
                migration.reason(),
                migration.phase().canAbort() ? "splitmem abort " + migration.id() : null);
    }

    private void addTo(List<OperationInfo> all, Vm vm) {
        VmRecord record = vm.record();
        VmRecord.Lender source = record.comesFrom();
        if (source != null) {
            all.add(received(vm, record, source.host()));
        }
        GatherInfo gather = vm.gathering();
        if (gather != null) {
            all.add(new OperationInfo(
                    OperationKind.GATHER,
                    vm.uuid().toString(),
                    vm.name(),
                    null,
                    self,
                    record.phase().name(),
                    gather.bytesRemaining(),
                    gather.rateBytesPerSecond(),
                    gather.etaSeconds(),
                    gather.trouble(),
                    "splitmem budget " + vm.name() + " SIZE"));
        }
        for (MoveInfo move : vm.moves()) {
            all.add(new OperationInfo(
                    OperationKind.MOVE_PAGES,
                    vm.uuid().toString(),
                    vm.name(),
                    move.from(),
                    null,
                    record.phase().name(),
                    move.bytesRemaining(),
                    move.rateBytesPerSecond(),
                    move.etaSeconds(),
                    move.trouble(),
                    "splitmem move-pages " + vm.name() + " --from " + move.from() + " --cancel"));
        }
    }

    private OperationInfo received(Vm vm, VmRecord record, String source) {
        boolean isHere = record.phase() == VmRecord.Phase.PAGED;
        return new OperationInfo(
                OperationKind.RECEIVE,
                vm.uuid().toString(),
                vm.name(),
                source,
                self,
                record.phase().name(),
                isHere ? awaited(vm.paging()) : null,
                0,
                null,
                null,
                null);
    }

    private static @Nullable Long awaited(@Nullable Paging paging) {
        return paging == null ? null : Pages.toBytes(paging.table().awaitedFromSource());
    }

    private OperationInfo of(LendingInfo lending) {
        boolean isDrained = lending.state() == LendingState.DRAINING;
        return new OperationInfo(
                OperationKind.DRAIN,
                null,
                null,
                self,
                null,
                lending.state().name(),
                lending.leavingBytes(),
                lending.rateBytesPerSecond(),
                lending.etaSeconds(),
                null,
                isDrained ? "splitmem drain " + self + " --cancel" : "splitmem lend " + self + " SIZE");
    }
}
