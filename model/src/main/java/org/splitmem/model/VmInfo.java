package org.splitmem.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A VM whose memory the asked host knows.
 *
 * @param name libvirt's name
 * @param budgetBytes how much of its RAM may be resident on its main host
 * @param residentBytes how much is
 * @param zeroBytes how much was never written or is all zero, and therefore nowhere
 * @param workingSetBytes estimate of what it uses; absent until there is one
 * @param remoteBytes what each sub-host keeps, by name
 * @param reservedBytes what each sub-host has reserved for it, by name; more than its share of the RAM by a slack
 * @param pageInUs from reading a fault to its answer, for pages that were fetched in the last one to two minutes
 * @param pageInHistogram the same, for all since this daemon has paged it
 * @param epoch of ownership, one more with each migration; memory servers obey only the newest
 * @param obstacle of a split VM: the device that was plugged in since and forbids to send pages out, and why; absent if there is none
 * @param gather of a split VM whose pages come back to its main host, how far that is; absent of any other
 * @param moves of a split VM, each sub-host that is emptied, and how far that is; mostly none
 */
public record VmInfo(
        String uuid,
        String name,
        VmState state,
        long ramBytes,
        long budgetBytes,
        long residentBytes,
        long zeroBytes,
        @Nullable Long workingSetBytes,
        Map<String, Long> remoteBytes,
        Map<String, Long> reservedBytes,
        FaultCounts faults,
        LatencyUs pageInUs,
        LatencyHistogram pageInHistogram,
        long epoch,
        @Nullable String obstacle,
        @Nullable GatherInfo gather,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) List<MoveInfo> moves) {
    public VmInfo {
        Require.text("uuid", uuid);
        Require.text("name", name);
        Require.present("state", state);
        Require.notNegative("ramBytes", ramBytes);
        Require.notNegative("budgetBytes", budgetBytes);
        Require.notNegative("residentBytes", residentBytes);
        Require.notNegative("zeroBytes", zeroBytes);
        if (workingSetBytes != null) {
            Require.notNegative("workingSetBytes", workingSetBytes);
        }
        remoteBytes = Map.copyOf(Require.present("remoteBytes", remoteBytes));
        remoteBytes.forEach((host, bytes) -> Require.notNegative("remoteBytes." + host, bytes));
        reservedBytes = Map.copyOf(Require.present("reservedBytes", reservedBytes));
        reservedBytes.forEach((host, bytes) -> Require.notNegative("reservedBytes." + host, bytes));
        Require.present("faults", faults);
        Require.present("pageInUs", pageInUs);
        Require.present("pageInHistogram", pageInHistogram);
        Require.notNegative("epoch", epoch);
        // Absent in JSON means none; nor is none written: hosts of earlier versions refuse what they do not know.
        moves = moves == null ? List.of() : List.copyOf(moves);
    }
}
