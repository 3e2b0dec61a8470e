package org.splitmem.memory.drain;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.server.MemoryServer.Kept;
import org.splitmem.memory.vm.BulkProgress;

/** How fast pages leave this host. Any thread. */
final class Departure {
    private final BulkProgress progress = new BulkProgress(System.nanoTime());

    // Guarded by this.
    private Map<UUID, Long> before = Map.of();
    private long gone;

    /** To be called now and then. */
    synchronized void turn(List<Kept> kept, Set<UUID> leaving, long nowNs) {
        Map<UUID, Long> held = new HashMap<>();
        kept.forEach(one -> held.put(one.store().vm(), one.heldBytes()));
        before.forEach((vm, bytes) -> gone += Math.max(0, bytes - held.getOrDefault(vm, 0L)));
        Map<UUID, Long> now = new HashMap<>(held);
        now.keySet().retainAll(leaving);
        before = now;
        if (now.isEmpty()) {
            progress.rest(gone, nowNs);
        } else {
            progress.turn(gone, nowNs);
        }
    }

    /** Of late; 0 also while nothing is known yet. */
    long bytesPerSecond() {
        return progress.bytesPerSecond();
    }

    /** @return null while nothing leaves */
    @Nullable
    Long etaSeconds(long left) {
        return progress.etaSeconds(left);
    }
}
