package org.splitmem.memory.drain;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.DataSize;
import org.splitmem.model.SubHostShare;

/**
 * What an operator has said of this host's lending, and what was done about it. Immutable.
 *
 * @param limitBytes the most that it is to lend; absent: as configured
 * @param draining whether it is to be emptied, and lends nothing new
 * @param to hosts that may take what is to leave
 * @param asked the VMs whose main hosts were asked to move pages away from here
 * @param given how much of its share each of {@code to} was given: what it has reserved for VMs that leave
 */
record LendingRecord(
        @Nullable Long limitBytes,
        @JsonProperty(required = true) boolean draining,
        @JsonProperty(required = true) List<SubHostShare> to,
        @JsonProperty(required = true) List<UUID> asked,
        @JsonProperty(required = true) Map<String, Long> given) {
    /** Of a host of which nothing was said. */
    static final LendingRecord NOTHING = new LendingRecord(null, false, List.of(), List.of(), Map.of());

    LendingRecord {
        if (limitBytes != null && (limitBytes < 0 || limitBytes > DataSize.MOST_BYTES)) {
            throw new IllegalArgumentException("a lend limit of " + limitBytes + " B");
        }
        to = List.copyOf(to);
        asked = List.copyOf(asked);
        given = Map.copyOf(given);
        if (given.values().stream().anyMatch(bytes -> bytes < 0)) {
            throw new IllegalArgumentException("less than nothing was given: " + given);
        }
    }

    /** @param takers the hosts to which pages go from now on; null: those of before */
    LendingRecord drained(@Nullable List<SubHostShare> takers) {
        return new LendingRecord(
                limitBytes, true, takers == null ? to : takers, asked, takers == null ? given : Map.of());
    }

    LendingRecord drainedNoMore() {
        return new LendingRecord(limitBytes, false, to, asked, given);
    }

    /** @param takers as above */
    LendingRecord limited(@Nullable Long bytes, @Nullable List<SubHostShare> takers) {
        return new LendingRecord(
                bytes, draining, takers == null ? to : takers, asked, takers == null ? given : Map.of());
    }

    /** A VM's main host is about to be asked. */
    LendingRecord asking(UUID vm, List<SubHostShare> shares) {
        List<UUID> all = new ArrayList<>(asked);
        if (!all.contains(vm)) {
            all.add(vm);
        }
        return new LendingRecord(limitBytes, draining, to, all, sum(shares, 1));
    }

    /** It refused. */
    LendingRecord refused(List<SubHostShare> shares) {
        return new LendingRecord(limitBytes, draining, to, asked, sum(shares, -1));
    }

    private Map<String, Long> sum(List<SubHostShare> shares, int sign) {
        Map<String, Long> all = new HashMap<>(given);
        for (SubHostShare share : shares) {
            long bytes = share.bytes() == null ? 0 : share.bytes();
            all.put(share.host(), Math.max(0, given.getOrDefault(share.host(), 0L) + sign * bytes));
        }
        return all;
    }

    /** These stay, or have left. */
    LendingRecord settled(List<UUID> vms) {
        return new LendingRecord(
                limitBytes,
                draining,
                to,
                asked.stream().filter(vm -> !vms.contains(vm)).toList(),
                given);
    }

    /** Whether an operator has said nothing else since. */
    boolean isSameWish(LendingRecord other) {
        return draining == other.draining && Objects.equals(limitBytes, other.limitBytes) && to.equals(other.to);
    }

    /** What one of {@code to} may still take. */
    long shareLeft(SubHostShare taker) {
        return taker.bytes() == null
                ? Long.MAX_VALUE
                : Math.max(0, taker.bytes() - given.getOrDefault(taker.host(), 0L));
    }
}
