package org.splitmem.bridge.daemon;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyUs;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** What a host of {@link FakeHosts} says of a VM. */
final class FakeVm {
    private static final long MIB = 1L << 20;

    private FakeVm() {}

    static VmInfo of(UUID vm, VmState state, long ramMb, Map<String, Long> remoteMb, Map<String, Long> reservedMb) {
        return new VmInfo(
                vm.toString(),
                "db1",
                state,
                ramMb * MIB,
                state == VmState.LOCAL ? ramMb * MIB : Math.max(1, ramMb - sum(reservedMb)) * MIB,
                ramMb * MIB,
                0,
                null,
                bytes(remoteMb),
                bytes(reservedMb),
                FaultCounts.NONE,
                LatencyUs.NONE,
                LatencyHistogram.NONE,
                1,
                null,
                null,
                List.of());
    }

    /** The same with all that is reserved in use. */
    static VmInfo as(VmInfo vm, long budgetBytes, Map<String, Long> reserved, List<MoveInfo> moves) {
        return new VmInfo(
                vm.uuid(),
                vm.name(),
                vm.state(),
                vm.ramBytes(),
                budgetBytes,
                vm.residentBytes(),
                vm.zeroBytes(),
                vm.workingSetBytes(),
                reserved,
                reserved,
                vm.faults(),
                vm.pageInUs(),
                vm.pageInHistogram(),
                vm.epoch(),
                vm.obstacle(),
                vm.gather(),
                moves);
    }

    private static Map<String, Long> bytes(Map<String, Long> mb) {
        Map<String, Long> bytes = new TreeMap<>();
        mb.forEach((name, amount) -> bytes.put(name, amount * MIB));
        return bytes;
    }

    private static long sum(Map<String, Long> amounts) {
        return amounts.values().stream().mapToLong(Long::longValue).sum();
    }
}
