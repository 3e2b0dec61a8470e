package org.splitmem.cli;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.FaultCounts;
import org.splitmem.model.GatherInfo;
import org.splitmem.model.Handover;
import org.splitmem.model.HostInfo;
import org.splitmem.model.HostStatus;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyUs;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationKind;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MoveInfo;
import org.splitmem.model.PagePlacement;
import org.splitmem.model.SubHostShare;
import org.splitmem.model.VmInfo;
import org.splitmem.model.VmState;

/** Records as splitmemd would answer them. */
public final class Infos {
    public static final String UUID = "6d1f0000-0000-0000-0000-000000000001";
    private static final long MIB = 1 << 20;

    private Infos() {}

    public static MigrationInfo migration(MigrationPhase phase) {
        return migration(phase, (String) null);
    }

    /** Of a VM that is split already. */
    public static MigrationInfo migration(MigrationPhase phase, MigrationKind kind) {
        MigrationInfo of = migration(phase);
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

    public static MigrationInfo migration(MigrationPhase phase, @Nullable String reason) {
        return migration(phase, reason, phase == MigrationPhase.READY);
    }

    /** @param mayStart what splitmemd says of the hypervisor's migration; absent as if it were an earlier one */
    public static MigrationInfo migration(MigrationPhase phase, @Nullable String reason, @Nullable Boolean mayStart) {
        boolean done = phase == MigrationPhase.DONE;
        return new MigrationInfo(
                "m1",
                UUID,
                "vm1",
                phase,
                "h1",
                "h2",
                List.of(new SubHostShare("h3", 384 * MIB)),
                128 * MIB,
                Handover.HYBRID,
                2,
                400 * MIB,
                done ? 400 * MIB : 244 * MIB,
                done ? 0 : 156 * MIB,
                118 * MIB,
                10 * MIB,
                done ? null : 72L,
                1_700_000_000_000L,
                phase.isOver() ? 1_700_000_012_300L : null,
                done ? 82.4 : null,
                reason,
                new PagePlacement(8192, Map.of("h3", 93696L), 29184),
                null,
                null,
                null,
                mayStart,
                null);
    }

    public static VmInfo vm() {
        return vm("vm1");
    }

    public static VmInfo vm(String name) {
        return new VmInfo(
                UUID,
                name,
                VmState.SPLIT,
                512 * MIB,
                128 * MIB,
                120 * MIB,
                100 * MIB,
                32 * MIB,
                Map.of("h3", 200 * MIB, "h2", 92 * MIB),
                Map.of("h3", 272 * MIB, "h2", 144 * MIB),
                new FaultCounts(9503, 222, 17, 41313, 64, 31),
                new LatencyUs(9503, 25.4, 61, 1300, 2_000_000),
                LatencyHistogram.NONE,
                3,
                null,
                null,
                List.of());
    }

    /** Whose pages come back to its main host. */
    public static VmInfo gathered() {
        return of(
                VmState.SPLIT,
                Map.of("h3", 200 * MIB, "h2", 92 * MIB),
                new GatherInfo(292 * MIB, 100 * MIB, 3L, null, "h2: no route"));
    }

    /** While it was split: it is to start split again. */
    public static VmInfo ended() {
        return of(VmState.DEFINED, Map.of("h3", 0L, "h2", 0L), null);
    }

    public static VmInfo whole() {
        return of(VmState.LOCAL, Map.of(), null);
    }

    /** Whose pages go from h3 to others. */
    public static VmInfo moving(long mib, @Nullable String trouble) {
        return of(
                VmState.SPLIT,
                Map.of("h3", mib * MIB, "h2", (292 - mib) * MIB),
                null,
                new MoveInfo("h3", mib * MIB, 100 * MIB, trouble == null ? mib / 100 : null, null, trouble));
    }

    /** As after a restart of splitmemd. */
    public static VmInfo gone() {
        return of(VmState.GONE, Map.of("h3", 0L, "h2", 0L), null);
    }

    /** Which has no move any more. */
    public static VmInfo split(Map<String, Long> remoteMib, @Nullable GatherInfo gather) {
        Map<String, Long> remote = new TreeMap<>(remoteMib);
        remote.replaceAll((host, mib) -> mib * MIB);
        return of(VmState.SPLIT, remote, gather);
    }

    private static VmInfo of(VmState state, Map<String, Long> remote, @Nullable GatherInfo gather, MoveInfo... moves) {
        return new VmInfo(
                UUID,
                "vm1",
                state,
                512 * MIB,
                512 * MIB,
                120 * MIB,
                100 * MIB,
                null,
                remote,
                Map.of(),
                FaultCounts.NONE,
                LatencyUs.NONE,
                LatencyHistogram.NONE,
                3,
                null,
                gather,
                List.of(moves));
    }

    public static List<HostStatus> hosts() {
        var info = new HostInfo(
                "h2", "0.1.0", 1, "6.18.0", 64 * MIB, 16 * MIB, 8 * MIB, 1024 * MIB, 2, null, null, null, null);
        return List.of(
                new HostStatus("h2", "10.78.0.2:7779", true, info, null),
                new HostStatus("h3", "10.78.0.3:7779", false, null, "connection refused"));
    }
}
