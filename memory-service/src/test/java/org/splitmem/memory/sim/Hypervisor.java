package org.splitmem.memory.sim;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.sim.machine.SimThread;
import org.splitmem.model.RefusedException;

/** libvirt's and QEMU's part of a migration: it alone decides where the guest goes on. */
final class Hypervisor {
    /** Where it fails by itself. */
    enum Failure {
        NONE,
        /** QEMU does not start at the destination. */
        START,
        /** QEMU waits at the destination, and the stream to it is never begun. */
        BEGIN,
        /** While the guest runs. */
        ACTIVE,
        /** The vCPUs have stopped, and that the disks are drained was not said. */
        STOPPED,
        /** The device state is sent, and being loaded. */
        LOADING,
        /** QEMU at the source is through; at the destination it does not resume. */
        COMPLETED,
        /** It is resumed at the destination, and QEMU fails there before any vCPU has run: libvirt has it go on at the source. */
        RESUMED
    }

    private static final int LOOKED_AT = 4;
    private static final long LATE_NS = 2_000_000_000L;
    private static final long READY_NS = 3_000_000_000L;
    /** Nobody waits for a hypervisor for ever: libvirt ends a migration whose peer is silent. */
    private static final long PATIENCE_NS = 60_000_000_000L;

    private final World world;
    private final Guest guest;
    private final SimQemu atSource;
    private final SimHost destination;
    private final List<Long> backends;
    private final Failure failure;
    private @Nullable SimQemu atDestination;
    private boolean cancelled;
    private boolean completed;
    private boolean begun;
    private boolean stopped;

    Hypervisor(World world, Guest guest, SimHost destination, List<Long> backends, Failure failure) {
        this.world = world;
        this.guest = guest;
        this.atSource = guest.qemu();
        this.destination = destination;
        this.backends = backends;
        this.failure = failure;
        atSource.monitor().whenCancelled(() -> cancelled = !completed);
    }

    /** @return whether the guest is at the destination */
    boolean migrate() throws Exception {
        String refusal = tryIt();
        SimQemu there = atDestination;
        world.scheduler().event("hypervisor: " + (refusal == null ? "the guest goes on there" : refusal));
        if (refusal == null && there != null) {
            guest.movesTo(there);
            there.monitor().resume();
            guest.run();
            atSource.exit();
            return true;
        }
        giveUp();
        return false;
    }

    private @Nullable String tryIt() throws Exception {
        if (failure == Failure.START || !hooksAgree()) {
            return "QEMU does not start at the destination";
        }
        if (failure == Failure.BEGIN) {
            return "the stream could not be begun";
        }
        begun = true;
        atSource.monitor().migration("setup");
        atSource.monitor().migration("active");
        if (!atSource.monitor().ignoresShared() || failure == Failure.ACTIVE || cancelled) {
            return "it failed while the guest ran";
        }
        long endNs = world.scheduler().now() + PATIENCE_NS;
        world.await(
                "the vCPUs stop",
                () -> guest.stops() || cancelled || world.scheduler().now() > endNs);
        if (!guest.stops()) {
            return "it was cancelled while its vCPUs were to stop";
        }
        stopped = true;
        atSource.monitor().stop();
        if (failure == Failure.STOPPED || cancelled) {
            return "it failed once the vCPUs had stopped";
        }
        atSource.monitor().migration("pre-switchover");
        atSource.monitor().migration("device");
        return load();
    }

    /** What the hook asks of the daemons before the stream, and QEMU's start. */
    private boolean hooksAgree() throws Exception {
        try {
            SimDaemon there = destination.daemon();
            if (!there.call(() -> there.migrations().incoming().isExpected(World.VM))) {
                return false;
            }
            SimQemu started = new SimQemu(world, destination, World.VM, backends);
            atDestination = started;
            SimDaemon now = destination.daemon();
            now.call(() -> {
                now.migrations().incoming().qemuStarted(World.VM);
                return true;
            });
            SimDaemon here = atSource.host().daemon();
            return here.call(() -> here.migrations().awaitReady(World.VM, false, READY_NS))
                    && now.call(() -> {
                        now.migrations().incoming().streamBegins(World.VM);
                        return true;
                    });
        } catch (IOException | RefusedException e) {
            world.scheduler().event("hook: " + e.getMessage());
            return false; // a daemon has died, or refused
        }
    }

    /** The device state: a little RAM is looked at before the guest runs, as device models do. */
    private @Nullable String load() {
        SimQemu there = atDestination;
        if (there == null || there.hasEnded()) {
            return "no QEMU at the destination";
        }
        SimThread loading = guest.looksAt(there, guest.pages() / 3, LOOKED_AT);
        if (failure == Failure.LOADING) {
            return "the device state could not be loaded";
        }
        long endNs = world.scheduler().now() + PATIENCE_NS;
        world.await(
                "the device state is loaded",
                () -> !loading.isAlive() || cancelled || world.scheduler().now() > endNs);
        if (cancelled || loading.isAlive()) {
            return "it was cancelled while the device state was loaded";
        }
        completed = true;
        atSource.monitor().migration("completed");
        there.monitor().load();
        if (failure == Failure.RESUMED) {
            there.monitor().resume();
        }
        if (failure == Failure.COMPLETED
                || failure == Failure.RESUMED) { // which libvirt may find out late: its daemons go on meanwhile
            LockSupport.parkNanos(1 + world.scheduler().random().nextLong(LATE_NS));
            return "the guest could not be resumed";
        }
        return null;
    }

    private void giveUp() {
        SimQemu there = atDestination;
        if (there != null) {
            there.kill();
        }
        if (!completed && begun) {
            atSource.monitor().migration(cancelled ? "cancelled" : "failed");
        }
        if (begun) { // its vCPUs were told to stop
            world.await("the vCPUs have stopped", guest::stops);
            if (stopped) {
                atSource.monitor().resume();
            }
            guest.run();
        }
    }
}
