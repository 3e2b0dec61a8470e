package org.splitmem.memory.migration;

import java.io.IOException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.memory.faultpoint.FaultPoint;
import org.splitmem.memory.migration.Signals.Hypervisor;
import org.splitmem.memory.qmp.DeviceObstacles;
import org.splitmem.memory.qmp.QmpMonitor;
import org.splitmem.memory.vm.Vm;

/**
 * The hypervisor's own migration of a VM, as QEMU's monitor shows it.
 *
 * <p>Once it has begun, only the hypervisor decides where the guest runs, and what the guest may need elsewhere is not given up
 * before that is certain:
 *
 * <pre>
 *   resumed at the destination                                  it is there
 *   resumed here, or QEMU reports a failed migration            it is here
 *   QEMU has ended here, and the guest is loaded there          it is there, also if it was paused and is never resumed
 *   QEMU has ended here, and there is none at the destination   it is nowhere: it was shut off or destroyed
 * </pre>
 *
 * As soon as the migration is not wanted any more QEMU is asked to cancel; it may be too late for that. Confined to the
 * migration's thread.
 */
final class HypervisorMigration implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(HypervisorMigration.class);

    /** Between two cancels of a hypervisor that says nothing: it may have lost one, or be unable to answer. */
    private static final long AGAIN_NS = Signals.seconds(10);

    /** Between two questions to a destination that is not decided, or does not answer. */
    private static final long ASK_NS = 500_000_000L;

    private static final int QEMU_END_S = 10;
    private static final int LOOKS = 100;
    private static final long LOOK_NS = 50_000_000L;

    private static final String POST_COPY =
            "libvirt was asked for post-copy, which would put QEMU's userfaultfd over splitmemd's: "
                    + "migrate without --postcopy (with \"splitmem migrate\" the guest runs early all the same)";

    private final Vm vm;
    private final Signals signals;
    private final String localHost;
    private final int limitSeconds;
    private boolean leftOut;
    private @Nullable QmpMonitor monitor;

    /** What can be known of the destination. */
    interface Destination {
        /** True once the guest was resumed there. */
        boolean isRunning();

        /** Whether {@link #arrival} has something new without asking. */
        boolean isDecided();

        /** Waits for an answer if it has to ask. AWAITED as long as there is none. */
        PeerHosts.Arrival arrival();
    }

    /** Where the guest runs in the end. */
    enum Outcome {
        HERE,
        THERE,
        NOWHERE
    }

    /** @param limitSeconds for each step that only the hypervisor can do */
    HypervisorMigration(Vm vm, Signals signals, String localHost, int limitSeconds) {
        this.vm = vm;
        this.signals = signals;
        this.localHost = localHost;
        this.limitSeconds = limitSeconds;
    }

    /** Listens from here on. @throws IOException also if this QEMU would not leave RAM out, or has a device that forbids it */
    void connect() throws IOException {
        QmpMonitor qmp = vm.monitor(signals::onQmp, signals::qemuGone);
        monitor = qmp;
        RamInStream.refuseWhatQemuSends(qmp, vm.name(), localHost);
        DeviceObstacles.refuse(qmp, vm.name(), localHost);
    }

    /** Which device QEMU has that reaches guest RAM past its mappings, and why that matters; null if there is none. Any thread. */
    @Nullable
    String deviceObstacle() throws IOException {
        QmpMonitor qmp = monitor;
        if (qmp == null) {
            throw new IOException("QEMU's monitor is not connected");
        }
        return DeviceObstacles.of(qmp);
    }

    /**
     * Has QEMU leave RAM out of its stream. To be called while a QEMU waits for that stream at the destination, and not before:
     * libvirt allows no other migration, and no save, of a domain for which it has had one started.
     */
    void leaveRamOut() throws IOException {
        QmpMonitor qmp = monitor;
        if (qmp == null) {
            throw new IOException("QEMU's monitor is not connected");
        }
        // One that was plugged in since the begin: from here on libvirt plugs in none.
        DeviceObstacles.refuse(qmp, vm.name(), localHost);
        leftOut = true;
        vm.mayLeaveRamOut(true);
        signals.expect(true);
        qmp.ignoreShared(true);
    }

    /**
     * Has QEMU send RAM again when it migrates, or is saved; upkeep tries again if it does not confirm. QEMU refuses while it migrates: once
     * it has confirmed, the hypervisor can no longer begin its part of this migration, and if it has begun meanwhile
     * {@link #mayRunElsewhere} has become true.
     */
    void sendRamAgain() {
        QmpMonitor qmp = monitor;
        try {
            if (leftOut && qmp != null && qmp.isOpen()) {
                qmp.ignoreShared(false);
                vm.mayLeaveRamOut(false);
                leftOut = false;
            }
        } catch (IOException e) {
            log.warn("vm={} x-ignore-shared stays set in QEMU for now: {}", vm.uuid(), e.getMessage());
        }
    }

    boolean hasBegun() {
        Hypervisor h = signals.hypervisor();
        return h == Hypervisor.ACTIVE || h == Hypervisor.SWITCHOVER;
    }

    /** RAM no longer changes here, unless it gives up yet. */
    boolean hasSwitchedOver() {
        Hypervisor h = signals.hypervisor();
        return !gaveUp() && (h == Hypervisor.SWITCHOVER || h == Hypervisor.COMPLETED);
    }

    /** The guest runs here, or will in a moment. */
    boolean gaveUp() {
        return signals.hypervisor() == Hypervisor.FAILED || signals.resumedHere();
    }

    /**
     * Waits for a QEMU that is about to end. Its migration fails before it does, and that is all that libvirt then tells of.
     *
     * @param release lets it end
     * @return whether it has ended
     */
    boolean hasEnded(Runnable release) {
        if (!signals.isEnding()) {
            return signals.isQemuGone();
        }
        sendRamAgain(); // it may stay after all
        release.run();
        return signals.await(signals::isQemuGone, Signals.seconds(QEMU_END_S));
    }

    String ended(String host) {
        return "QEMU of VM " + vm.name() + " has ended on " + host + ": the VM was shut off, destroyed or saved";
    }

    private boolean hasDecided() {
        return gaveUp() || signals.hypervisor() == Hypervisor.COMPLETED || signals.isQemuGone();
    }

    /** False if the guest can only run here: nobody has begun to migrate it, or whoever did gave up, or its QEMU died at it. */
    boolean mayRunElsewhere() {
        return leftOut
                && switch (signals.hypervisor()) {
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
            if (qmp != null && qmp.mayPostCopy()) {
                signals.abort(POST_COPY);
                return;
            }
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
     * Waits until it is certain where the guest runs, for as long as that takes.
     *
     * @param there what is known of the destination; may wait for it when QEMU has ended here
     * @param unwanted once true, QEMU is asked to cancel
     */
    Outcome awaitOutcome(Destination there, BooleanSupplier unwanted) {
        long cancelledNs = 0;
        while (true) {
            boolean cancels = cancelledNs != 0;
            boolean inTime = signals.await(
                    () -> there.isRunning()
                            || gaveUp()
                            || signals.isQemuGone()
                            || (!cancels && unwanted.getAsBoolean()),
                    cancels ? ASK_NS : Signals.seconds(limitSeconds));
            if (there.isRunning()) {
                return Outcome.THERE;
            }
            if (gaveUp()) {
                return Outcome.HERE;
            }
            if (signals.isQemuGone()) {
                return awaitLoaded(there);
            }
            if (!inTime && !cancels) {
                signals.abort(
                        "the hypervisor has not resumed the guest within " + limitSeconds
                                + " s of stopping it (migration.switchover-seconds); see libvirt's and QEMU's logs at both ends");
            }
            if (signals.hypervisor()
                    == Hypervisor.COMPLETED) { // too late to cancel, and the one here does not fail any more
                switch (there.arrival()) {
                    case ABSENT -> {
                        return Outcome.HERE; // its state is in the QEMU here alone
                    }
                    case OWNED, WHOLE -> {
                        return Outcome.THERE;
                    }
                    case AWAITED, LOADED -> {}
                }
            }
            if (!cancels || System.nanoTime() - cancelledNs >= AGAIN_NS) {
                cancel();
                cancelledNs = System.nanoTime();
            }
        }
    }

    /** QEMU has ended here: as libvirt does once the guest is loaded at the destination, or because the VM was ended. */
    private Outcome awaitLoaded(Destination there) {
        PeerHosts.Arrival arrival = there.arrival();
        while (arrival == PeerHosts.Arrival.AWAITED) {
            vm.reached(FaultPoint.UNDECIDED);
            signals.await(there::isDecided, ASK_NS);
            arrival = there.arrival();
        }
        return arrival == PeerHosts.Arrival.ABSENT ? Outcome.NOWHERE : Outcome.THERE;
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
