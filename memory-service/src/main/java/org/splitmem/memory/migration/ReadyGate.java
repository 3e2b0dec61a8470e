package org.splitmem.memory.migration;

import java.util.function.Supplier;
import org.splitmem.model.MigrationPhase;

/**
 * When the hypervisor may do its part, from asking libvirt to QEMU's first byte.
 *
 * <p>Those who ask libvirt read in {@link MigrationReport} when to. libvirt's hook at the destination waits here: before QEMU is started
 * there until nearly all memory has moved, and with that QEMU waiting until the one here leaves RAM out of its stream. Any thread.
 */
final class ReadyGate {
    private static final long LOOK_AGAIN_NS = 50_000_000L;
    /** What it takes from asking libvirt to its hook at the destination, generously: the hook holds it for as long as it is too early. */
    private static final double LIBVIRT_LEAD_SECONDS = 2;
    /** What libvirt takes to start QEMU and to get to know it. */
    private static final double QEMU_START_SECONDS = 0.7;

    private final Signals signals;
    private final Progress progress;
    private final Supplier<MigrationPhase> phase;
    private final HypervisorCall call;
    private volatile boolean qemuWaits;
    private volatile boolean open;

    ReadyGate(Signals signals, Progress progress, Supplier<MigrationPhase> phase, HypervisorCall call) {
        this.signals = signals;
        this.progress = progress;
        this.phase = phase;
        this.call = call;
    }

    /** Whether libvirt is to be asked to migrate now. False again once it migrates: then it has been asked, by whomever. */
    static boolean hypervisorMayStart(MigrationPhase phase, Progress progress) {
        return switch (phase) {
            case READY -> true;
            case PRECOPY -> progress.isShort(LIBVIRT_LEAD_SECONDS);
            case PLANNED, SWITCHOVER, HANDOVER, DONE, ABORTED, FAILED_AFTER_HANDOVER -> false;
        };
    }

    /** True once a QEMU waits for its stream at the destination, and until that is answered. */
    boolean isAwaited() {
        return qemuWaits && !open;
    }

    /** QEMU here leaves RAM out: the hypervisor may begin. */
    void open() {
        open = true;
        signals.changed();
    }

    /**
     * Waits until the hypervisor may go on.
     *
     * @param nearly whether a QEMU is yet to be started at the destination: it is enough that the rest of the round will take no longer
     *     than that
     * @return false if the migration ended before, or the time
     */
    boolean await(boolean nearly, long timeoutNs) {
        if (nearly) {
            call.expected();
        } else {
            qemuWaits = true;
            signals.changed();
        }
        long endNs = System.nanoTime() + timeoutNs;
        while (System.nanoTime() - endNs < 0 && !phase.get().isOver() && !isOpen(nearly)) {
            signals.await(() -> isOpen(false) || phase.get().isOver(), LOOK_AGAIN_NS); // progress wakes nobody
        }
        boolean opened = isOpen(nearly);
        if (opened) {
            call.answered(); // what libvirt does from here on fails if the migration is aborted
        }
        return opened;
    }

    private boolean isOpen(boolean nearly) {
        return switch (phase.get()) {
            case READY -> nearly || open;
            case SWITCHOVER -> true;
            case PRECOPY -> nearly && progress.isShort(QEMU_START_SECONDS);
            case PLANNED, HANDOVER, DONE, ABORTED, FAILED_AFTER_HANDOVER -> false;
        };
    }
}
