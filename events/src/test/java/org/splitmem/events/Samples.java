package org.splitmem.events;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.splitmem.events.paging.PagingSample;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.Handover;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyUs;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationKind;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.PagePlacement;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** Values for tests. */
public final class Samples {
    public static final Instant NOW = Instant.parse("2026-11-21T12:00:00.250Z");
    public static final String VM = uuid(1);

    private Samples() {}

    public static String uuid(int n) {
        return "6d1f0000-0000-4000-8000-%012d".formatted(n);
    }

    public static MigrationInfo migration(MigrationPhase phase, int round, long bytesDone) {
        boolean over = phase.isOver();
        return new MigrationInfo(
                "m1",
                VM,
                "db1",
                phase,
                "h1",
                "h2",
                List.of(new SubHostShare("h3", 4096L * 100), new SubHostShare("h4", null)),
                4096 * 50,
                Handover.HYBRID,
                round,
                4096 * 200,
                bytesDone,
                4096 * 200 - bytesDone,
                1000,
                10,
                over ? null : 3L,
                NOW.toEpochMilli() - 9000,
                over ? NOW.toEpochMilli() - 50 : null,
                phase == MigrationPhase.DONE ? 82.5 : null,
                phase.isOver() && phase != MigrationPhase.DONE ? "h3 died" : null,
                new PagePlacement(50, Map.of("h3", 100L), 50),
                uuid(7),
                "req-" + uuid(8),
                null,
                phase == MigrationPhase.READY,
                null);
    }

    /** Of a VM that is split already. */
    public static MigrationInfo migration(MigrationPhase phase, MigrationKind kind) {
        MigrationInfo of = migration(phase, 0, 4096);
        return new MigrationInfo(
                of.id(),
                of.vm(),
                of.name(),
                of.phase(),
                of.source(),
                of.destination(),
                of.subHosts(),
                of.budgetBytes(),
                of.handover(),
                of.round(),
                of.bytesTotal(),
                of.bytesDone(),
                of.bytesRemaining(),
                of.rateBytesPerSecond(),
                of.dirtyBytesPerSecond(),
                of.etaSeconds(),
                of.startedAtMs(),
                of.finishedAtMs(),
                of.downtimeMs(),
                of.reason(),
                of.pages(),
                of.novaMigrationUuid(),
                of.requestId(),
                of.vmEnded(),
                of.hypervisorMayStart(),
                kind);
    }

    /** A split VM after so many page-ins, of which two in ten were slow, and every tenth a stall. */
    public static VmInfo vm(int n, long pageIns) {
        var histogram = new LatencyHistogram(
                pageIns,
                pageIns * 150.0,
                List.of(
                        new LatencyHistogram.Bucket(100, pageIns * 8 / 10),
                        new LatencyHistogram.Bucket(100_000, pageIns * 9 / 10)));
        return vm(n, VmState.SPLIT, new FaultCounts(pageIns, pageIns / 2, 7, 9, 1, pageIns / 10), histogram, 3);
    }

    public static VmInfo vm(int n, VmState state, FaultCounts counts, LatencyHistogram histogram, long epoch) {
        return new VmInfo(
                uuid(n),
                "db" + n,
                state,
                4096 * 60,
                4096 * 10,
                4096 * 10,
                4096 * 30,
                4096L * 8,
                Map.of("h3", 4096L * 20),
                Map.of("h3", 4096L * 50),
                counts,
                LatencyUs.NONE,
                histogram,
                epoch,
                null,
                null,
                List.of());
    }

    /** A migration's event, the n-th of its VM. */
    public static Event kept(int vm, int n) {
        return Event.of(
                "m" + vm + "/" + n,
                MigrationEvents.PROGRESS,
                "/splitmem/hosts/h1",
                NOW.plusMillis(n),
                uuid(vm),
                MigrationEvent.of(migration(MigrationPhase.PRECOPY, n, 4096), MigrationPhase.PRECOPY, false));
    }

    /** A paging event, the n-th of its VM. */
    public static Event sample(int vm, int n) {
        var from = new PagingSample.Reading("h2", NOW.plusSeconds(n), vm(vm, 10L * n));
        var to = new PagingSample.Reading("h2", NOW.plusSeconds(n + 1), vm(vm, 10L * n + 10));
        return PagingSample.between(from, to, Duration.ofSeconds(1));
    }
}
