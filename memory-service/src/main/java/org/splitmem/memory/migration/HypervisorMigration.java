package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.migration.Signals.Hypervisor;
import org.splitmem.memory.qmp.QmpMonitor;
import org.splitmem.memory.vm.Vm;

/**
 * The hypervisor's own migration of a VM, as QEMU's monitor shows it.
 *
 * <p>Only the hypervisor can say where the guest runs once it has begun: whoever it resumes is the owner, and what the guest may
 * need elsewhere is not given up before it has said so. Whoever waits for its word asks it to cancel as soon as the migration
 * is not wanted any more; it may be too late for that. Confined to the migration's thread.
 */
final class HypervisorMigration implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(HypervisorMigration.class);

    /** Between two cancels of a hypervisor that says nothing: it may have lost one, or be unable to answer. */
    private static final long AGAIN_NS = Signals.seconds(10);

    private static final int LOOKS = 100;
    private static final long LOOK_NS = 50_000_000L;

    private final Vm vm;
    private final Signals signals;
    private final String localHost;
    private final int limitSeconds;
    private @Nullable QmpMonitor monitor;

    /** @param limitSeconds for each step that only the hypervisor can do */
    HypervisorMigration(Vm vm, Signals signals, String localHost, int limitSeconds) {
        this.vm = vm;
        this.signals = signals;
        this.localHost = localHost;
        this.limitSeconds = limitSeconds;
    }

    /** Listens from here on. @throws IOException also if this QEMU would not leave RAM out */
    void connect() throws IOException {
        QmpMonitor qmp = QmpMonitor.connect(vm.qmpSocket(), vm.uuid().toString(), signals::onQmp, signals::qemuGone);
        monitor = qmp;
        RamInStream.refuseWhatQemuSends(qmp, vm.name(), localHost);
    }

    /** QEMU is to leave RAM out of its stream. */
    void leaveRamOut() throws IOException {
        QmpMonitor qmp = monitor;
        if (qmp == null) {
            throw new IOException("QEMU's monitor is not connected");
        }
        qmp.ignoreShared(true);
    }

    /** QEMU is to send RAM again when it migrates. */
    void sendRamAgain() {
        QmpMonitor qmp = monitor;
        try {
            if (qmp != null && qmp.isOpen()) {
                qmp.ignoreShared(false);
            }
        } catch (IOException e) {
            log.warn("vm={} x-ignore-shared stays set in QEMU: {}", vm.uuid(), e.getMessage());
        }
    }

    boolean hasBegun() {
        Hypervisor h = signals.hypervisor();
        return h == Hypervisor.ACTIVE || h == Hypervisor.SWITCHOVER;
    }

    /** The guest runs here, or will in a moment. */
    boolean gaveUp() {
        return signals.hypervisor() == Hypervisor.FAILED || signals.resumedHere();
    }

    private boolean hasDecided() {
        return gaveUp() || signals.hypervisor() == Hypervisor.COMPLETED || signals.isQemuGone();
    }

    /** False if the guest can only run here: nobody has begun to migrate it, or whoever did gave up, or its QEMU died at it. */
    boolean mayRunElsewhere() {
        return switch (signals.hypervisor()) {
            case IDLE, FAILED -> false;
            case ACTIVE -> !signals.resumedHere() && !vm.isQemuGone();
            case SWITCHOVER, COMPLETED -> !signals.resumedHere();
        };
    }

    /**
     * Waits until RAM no longer changes here.
     *
     * @param unwanted once true, the hypervisor is asked to cancel
     */
    void awaitSwitchover(BooleanSupplier unwanted) {
        checkStream();
        boolean inTime = signals.await(
                () -> signals.hypervisor() == Hypervisor.SWITCHOVER || hasDecided() || unwanted.getAsBoolean(),
                Signals.seconds(limitSeconds));
        if (!inTime) {
            signals.abort(
                    "the hypervisor has not stopped the guest within " + limitSeconds + " s of its migration's begin"
                            + " (migration.switchover-seconds); see libvirt's and QEMU's logs at both ends");
        }
        while (signals.hypervisor() == Hypervisor.ACTIVE && !hasDecided() && (!inTime || unwanted.getAsBoolean())) {
            cancel();
            signals.await(this::hasDecided, AGAIN_NS);
        }
    }

    /** What QEMU has begun is looked at once, as soon as it says how much that is. */
    private void checkStream() {
        QmpMonitor qmp = monitor;
        try {
            long streamBytes = 0;
            for (int look = 0; look < LOOKS && streamBytes == 0 && qmp != null && qmp.isOpen(); look++) {
                streamBytes = qmp.migrationRamBytes();
                if (streamBytes == 0
                        && signals.await(() -> signals.hypervisor() != Hypervisor.ACTIVE || hasDecided(), LOOK_NS)) {
                    break; // too late to be of use
                }
            }
            String reason =
                    RamInStream.reasonAgainstStream(streamBytes, vm.record().ramBytes());
            if (!reason.isEmpty()) {
                signals.abort(reason);
            }
        } catch (IOException e) {
            log.warn("vm={} QEMU does not say what it migrates: {}", vm.uuid(), e.getMessage());
        }
    }

    /**
     * Waits for the hypervisor's word on where the guest runs.
     *
     * @param resumedUs when it resumed at the destination; 0 until that is known
     * @param unwanted once true, the hypervisor is asked to cancel
     * @return false if it runs here
     */
    boolean awaitRunsElsewhere(LongSupplier resumedUs, BooleanSupplier unwanted) {
        boolean cancelled = false;
        while (resumedUs.getAsLong() == 0) {
            boolean cancelIt = !cancelled;
            boolean inTime = signals.await(
                    () -> resumedUs.getAsLong() > 0
                            || gaveUp()
                            || signals.isQemuGone()
                            || (cancelIt && unwanted.getAsBoolean()),
                    cancelIt ? Signals.seconds(limitSeconds) : AGAIN_NS);
            if (resumedUs.getAsLong() > 0) {
                return true;
            }
            if (gaveUp()) {
                return false;
            }
            if (signals.isQemuGone()) {
                return true;
            }
            if (!inTime && cancelIt) {
                signals.abort(
                        "the hypervisor has not resumed the guest within " + limitSeconds
                                + " s of stopping it (migration.switchover-seconds); see libvirt's and QEMU's logs at both ends");
            }
            cancelled = true;
            cancel();
        }
        return true;
    }

    /** The hypervisor must not finish what this daemon gives up: the guest would run there without its memory. */
    private void cancel() {
        QmpMonitor qmp = monitor;
        try {
            if (qmp != null) {
                log.info("vm={} asks the hypervisor to cancel its migration", vm.uuid());
                qmp.cancelMigration();
            }
        } catch (IOException e) {
            log.error("vm={} the hypervisor's migration cannot be cancelled: {}", vm.uuid(), e.getMessage());
        }
    }

    @Override
    public void close() {
        if (monitor != null) {
            monitor.close();
        }
    }
}
