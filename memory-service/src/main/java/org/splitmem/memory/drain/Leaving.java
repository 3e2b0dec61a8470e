package org.splitmem.memory.drain;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.splitmem.memory.server.MemoryServer.Kept;

/** Which VMs' pages are to leave this host. Pure functions. */
final class Leaving {
    private Leaving() {}

    /**
     * All if the host is drained. Else, if more is reserved than a limit that an operator has set: the VM with the largest reservation, the
     * next one, and so on, until the others are within it; first of all those whose pages are on their way already.
     */
    static Set<UUID> of(LendingRecord record, List<Kept> kept) {
        if (record.draining()) {
            return kept.stream().map(one -> one.store().vm()).collect(Collectors.toUnmodifiableSet());
        }
        Long limit = record.limitBytes();
        if (limit == null) {
            return Set.of();
        }
        List<Kept> byNeed = new ArrayList<>(kept);
        byNeed.sort(Comparator.comparing(
                        (Kept one) -> !record.asked().contains(one.store().vm()))
                .thenComparing(one -> -one.store().reservedBytes())
                .thenComparing(one -> one.store().vm()));
        long staying =
                kept.stream().mapToLong(one -> one.store().reservedBytes()).sum();
        List<UUID> leaving = new ArrayList<>();
        for (Kept one : byNeed) {
            if (staying <= limit) {
                break;
            }
            leaving.add(one.store().vm());
            staying -= one.store().reservedBytes();
        }
        return Set.copyOf(leaving);
    }
}
