package org.splitmem.memory.migration;

import java.util.List;
import java.util.TreeMap;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.Handover;

/** Migrations as they might have been asked for. */
final class Tasks {
    private Tasks() {}

    /** From h1 to h2, without sub-hosts. */
    static MigrationTask toH2(long ramBytes) {
        return new MigrationTask(
                "m1",
                new PeerHosts.Peer("h2", "127.0.0.1", 7780),
                ramBytes,
                false,
                List.of(),
                new TreeMap<>(),
                new VmRecord.Lender("h1", "127.0.0.1", 7780, "token", ramBytes),
                6,
                1,
                0,
                Handover.HYBRID,
                Origin.UNKNOWN);
    }
}
