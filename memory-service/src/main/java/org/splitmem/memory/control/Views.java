package org.splitmem.memory.control;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.fault.FaultStats;
import org.splitmem.memory.migration.ExpectationFile.Expected;
import org.splitmem.memory.migration.SplitStarts;
import org.splitmem.memory.page.PageState;
import org.splitmem.memory.page.PageTable;
import org.splitmem.memory.page.Pages;
import org.splitmem.memory.vm.Paging;
import org.splitmem.memory.vm.SplitDefinition;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyUs;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** How the daemon's objects look from outside. Stateless. */
final class Views {
    private Views() {}

    /** Where its pages are, and where to and from they move, is all of one record: nova-bridge books by that. */
    static VmInfo of(Vm vm) {
        VmRecord record = vm.record();
        Paging paging = vm.paging();
        long ram = record.ramBytes();
        PageTable table = paging == null || record.phase() == VmRecord.Phase.LOCAL ? null : paging.table();
        return new VmInfo(
                vm.uuid().toString(),
                vm.name(),
                state(record, table),
                ram,
                Pages.toBytes(record.budgetPages()),
                table == null ? residentWithoutTable(record, ram) : Pages.toBytes(table.resident()),
                table == null ? 0 : Pages.toBytes(table.count(PageState.ZERO)),
                vm.workingSetBytes(),
                table == null ? Map.of() : remote(record, table),
                reserved(record.keeping()),
                paging == null ? FaultCounts.NONE : counts(paging.stats()),
                paging == null ? LatencyUs.NONE : paging.stats().pageInLatency().recent(System.nanoTime()),
                paging == null
                        ? LatencyHistogram.NONE
                        : paging.stats().pageInLatency().all(),
                record.epoch(),
                vm.obstacle(),
                vm.gathering(),
                vm.moves(record));
    }

    /** One that has not started yet. */
    static VmInfo of(Expected expected) {
        return notHere(SplitStarts.definitionOf(expected), VmState.EXPECTED, reserved(expected.lenders()), 0);
    }

    /** One that ended while it was split. */
    static VmInfo of(SplitDefinition definition) {
        return notHere(
                definition,
                VmState.DEFINED,
                definition.reserved() ? reserved(definition.lenders()) : Map.of(),
                definition.epoch());
    }

    /** One whose record or page table is damaged: nothing else is known of it. */
    static VmInfo frozen(UUID uuid) {
        return new VmInfo(
                uuid.toString(),
                uuid.toString(),
                VmState.FROZEN,
                0,
                0,
                0,
                0,
                null,
                Map.of(),
                Map.of(),
                FaultCounts.NONE,
                LatencyUs.NONE,
                LatencyHistogram.NONE,
                0,
                null,
                null,
                List.of());
    }

    private static VmInfo notHere(SplitDefinition how, VmState state, Map<String, Long> reserved, long epoch) {
        Map<String, Long> remote = new TreeMap<>();
        how.lenders().forEach(lender -> remote.put(lender.host(), 0L));
        return new VmInfo(
                how.vm().toString(),
                how.name(),
                state,
                how.ramBytes(),
                how.budgetBytes(),
                0,
                0,
                null,
                remote,
                reserved,
                FaultCounts.NONE,
                LatencyUs.NONE,
                LatencyHistogram.NONE,
                epoch,
                null,
                null,
                List.of());
    }

    /** A VM that is served by the kernel alone is all here; one that is only expected has nothing that can be counted yet. */
    private static long residentWithoutTable(VmRecord record, long ram) {
        return record.phase() == VmRecord.Phase.INCOMING ? 0 : ram;
    }

    private static VmState state(VmRecord record, @Nullable PageTable table) {
        return switch (record.phase()) {
            case LOCAL -> VmState.LOCAL;
            case INCOMING -> VmState.INCOMING;
            case LEAVING, LEFT -> VmState.OUTGOING;
            case PAGED -> table == null ? VmState.GONE : VmState.SPLIT;
        };
    }

    private static Map<String, Long> remote(VmRecord record, PageTable table) {
        Map<String, Long> byHost = new TreeMap<>();
        for (int i = 0; i < record.lenders().size(); i++) {
            if (record.lenders().get(i).keepsPages()) {
                byHost.put(record.lenders().get(i).host(), Pages.toBytes(table.countRemote(i)));
            }
        }
        return byHost;
    }

    private static Map<String, Long> reserved(List<VmRecord.Lender> lenders) {
        Map<String, Long> byHost = new TreeMap<>();
        lenders.forEach(lender -> byHost.put(lender.host(), lender.reservedBytes()));
        return byHost;
    }

    private static FaultCounts counts(FaultStats stats) {
        return new FaultCounts(
                stats.pageIns.sum(),
                stats.pageOuts.sum(),
                stats.zeroFills.sum(),
                stats.minor.sum(),
                stats.readAheadPages.sum(),
                stats.refaults.sum());
    }
}
