package org.splitmem.memory.drain;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.server.MemoryServer.Kept;
import org.splitmem.model.LeavingVm;
import org.splitmem.model.LendingInfo;
import org.splitmem.model.LendingState;

/** How this host's lending looks from outside. Stateless. */
final class LendingView {
    private LendingView() {}

    /** @param found what is known of each VM whose pages are to leave */
    static LendingInfo of(Lending lending, Map<UUID, Status> found, Departure departure) {
        LendingRecord record = lending.record();
        List<Kept> kept = lending.server().kept();
        Set<UUID> leaving = Leaving.of(record, kept);
        List<LeavingVm> vms = new ArrayList<>();
        kept.stream()
                .filter(one -> leaving.contains(one.store().vm()))
                .map(one -> of(one, found.get(one.store().vm())))
                .forEach(vms::add);
        if (record.draining()) {
            lending.server().damaged().all().forEach((vm, why) -> vms.add(damaged(vm, why)));
        }
        vms.sort(Comparator.comparing(LeavingVm::reservedBytes).reversed().thenComparing(LeavingVm::vm));
        long left = vms.stream().mapToLong(LeavingVm::heldBytes).sum();
        return new LendingInfo(
                lending.self(),
                state(record, vms.isEmpty()),
                lending.server().lendLimitBytes(),
                lending.configuredBytes(),
                record.limitBytes(),
                kept.stream().mapToLong(one -> one.store().reservedBytes()).sum(),
                kept.stream().mapToLong(Kept::heldBytes).sum(),
                left,
                departure.bytesPerSecond(),
                left == 0 ? null : departure.etaSeconds(left),
                vms);
    }

    private static LendingState state(LendingRecord record, boolean nothingLeaves) {
        if (record.draining()) {
            return nothingLeaves ? LendingState.EMPTY : LendingState.DRAINING;
        }
        return nothingLeaves ? LendingState.LENDING : LendingState.SHRINKING;
    }

    private static LeavingVm of(Kept one, @Nullable Status status) {
        return new LeavingVm(
                one.store().vm().toString(),
                status == null ? null : status.name(),
                status == null ? one.store().mainHost() : status.mainHost(),
                one.store().reservedBytes(),
                one.heldBytes(),
                status != null && status.moving(),
                status == null ? null : status.trouble());
    }

    private static LeavingVm damaged(UUID vm, String why) {
        return new LeavingVm(vm.toString(), null, null, 0, 0, false, why);
    }
}
