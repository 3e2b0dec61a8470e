package org.splitmem.model;

import java.util.List;
import java.util.Map;

/** Valid records with every field set. */
final class Samples {
    private Samples() {}

    static MigrationInfo migration(MigrationPhase phase) {
        return new MigrationInfo(
                "m1",
                "6d1f0000-0000-0000-0000-000000000001",
                "vm1",
                phase,
                "h1",
                "h2",
                List.of(new SubHostShare("h3", 4096L)),
                1L << 29,
                Handover.HYBRID,
                2,
                1000,
                600,
                400,
                100,
                10,
                4L,
                1_700_000_000_000L,
                1_700_000_009_000L,
                82.5,
                "round 2 of at most 30",
                new PagePlacement(10, Map.of("h3", 20L), 30),
                null,
                null,
                null,
                phase == MigrationPhase.READY,
                null);
    }

    static VmInfo vm() {
        return new VmInfo(
                "6d1f0000-0000-0000-0000-000000000001",
                "vm1",
                VmState.SPLIT,
                4096 * 60,
                4096 * 10,
                4096 * 10,
                4096 * 30,
                4096L * 8,
                Map.of("h3", 4096L * 20),
                Map.of("h3", 4096L * 50),
                new FaultCounts(1, 2, 3, 4, 5, 6),
                new LatencyUs(1, 20.5, 30, 40, 50),
                new LatencyHistogram(2, 71.5, List.of(new LatencyHistogram.Bucket(50, 2))),
                3,
                null,
                null,
                List.of(new MoveInfo("h3", 4096L * 20, 4096, 20L, 8192L, "h4: no route")));
    }
}
