package org.splitmem.memory.migration;

import java.util.function.Supplier;
import org.splitmem.model.MigrationPhase;

/** Where those wait who must not ask the hypervisor to migrate before nearly all memory has moved. Any thread. */
final class ReadyGate {
    private static final long LOOK_AGAIN_NS = 50_000_000L;
    /** What libvirt takes to start QEMU and to get to know it. */
    private static final double QEMU_START_SECONDS = 0.7;

    private final Signals signals;
    private final Progress progress;
    private final Supplier<MigrationPhase> phase;

    ReadyGate(Signals signals, Progress progress, Supplier<MigrationPhase> phase) {
        this.signals = signals;
        this.progress = progress;
        this.phase = phase;
    }

    /**
     * Waits until the hypervisor may be asked to migrate.
     *
     * @param nearly whether it is enough that the rest of the round will take no longer than starting a QEMU
     * @return false if the migration ended before, or the time
     */
    boolean await(boolean nearly, long timeoutNs) {
        long endNs = System.nanoTime() + timeoutNs;
        while (System.nanoTime() - endNs < 0 && !phase.get().isOver() && !isOpen(nearly)) {
            signals.await(() -> isOpen(false) || phase.get().isOver(), LOOK_AGAIN_NS); // progress wakes nobody
        }
        return isOpen(nearly);
    }

    private boolean isOpen(boolean nearly) {
        return switch (phase.get()) {
            case READY, SWITCHOVER -> true;
            case PRECOPY -> nearly && progress.isShort(QEMU_START_SECONDS);
            case PLANNED, HANDOVER, DONE, ABORTED -> false;
        };
    }
}
