package org.splitmem.memory.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.vm.Vm;
import org.splitmem.memory.vm.VmRecord;
import org.splitmem.model.RefusedException;

/**
 * libvirt's and QEMU's part of a migration: starts a QEMU at the destination, stops the vCPUs, sends the device state, and
 * decides where the guest goes on.
 */
final class FakeHypervisor {
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
        /** The guest runs at the destination, is lost there, and libvirt resumes the one here. */
        RESUMED,
        /** The VM is destroyed while its device state is sent. */
        DESTROYED
    }

    /** Looks at a QEMU that loads and loads, by whoever watches it. */
    private static final int PATIENCE = 300;
    /** It was ready when the hypervisor was asked. */
    private static final long READY_NS = 1_000_000_000L;

    private final Simulation simulation;
    private final Path program;
    private final UUID vm;
    private final List<Long> backends;
    private volatile String answer = "nothing";
    private final Failure failure;
    private final boolean paused;
    private final long pages;
    private final SimQemu atSource;
    private @Nullable SimQemu atDestination;
    private volatile boolean cancelled;
    private volatile boolean completed;
    private boolean begun;
    private boolean stopped;
    private int looksInVain;

    FakeHypervisor(
            Simulation simulation,
            Path program,
            UUID vm,
            List<Long> backends,
            SimQemu atSource,
            Failure failure,
            boolean paused) {
        this.simulation = simulation;
        this.program = program;
        this.vm = vm;
        this.backends = backends;
        this.atSource = atSource;
        this.failure = failure;
        this.paused = paused;
        this.pages = backends.stream().mapToLong(Long::longValue).sum() / 4096;
        atSource.monitor().whenCancelled(this::cancel);
    }

    private synchronized void cancel() {
        cancelled = !completed;
    }

    /** @return the QEMU that the guest is in from now on, of the two; null if it is destroyed */
    @Nullable
    SimQemu migrate(String guestCommand) throws Exception {
        String refusal = tryIt();
        SimQemu there = atDestination;
        if (refusal == null && there != null && failure == Failure.RESUMED) {
            there.monitor().resume();
            simulation.await("the source knows", this::isHandedOver);
            Thread told = tellThatItIsThere();
            there.close();
            atSource.monitor().resume();
            atSource.run(guestCommand);
            told.join();
            assertThat(answer).as("what the source says meanwhile").isNotEqualTo("yes");
            return atSource;
        }
        if (refusal == null && there != null) {
            if (!paused) {
                there.monitor().resume();
                there.run(guestCommand);
            }
            atSource.exit();
            return there;
        }
        if (failure == Failure.DESTROYED && stopped) {
            atSource.close();
            if (there != null) {
                there.close();
            }
            return null;
        }
        giveUp(guestCommand);
        return atSource;
    }

    /** As the destination does that has every page: returns when the source is about to answer. */
    private Thread tellThatItIsThere() throws Exception {
        Thread thread = new Thread(this::tell);
        thread.start();
        simulation.await("it waits, or is answered", () -> thread.getState() != Thread.State.RUNNABLE);
        return thread;
    }

    private void tell() {
        try {
            SimDaemon source = simulation.host(Role.SOURCE).daemon();
            Vm there = simulation.host(Role.DESTINATION).daemon().vms().find(vm);
            VmRecord.Lender how = there == null ? null : there.record().source();
            if (how != null) {
                source.migrations().arrived(vm, how.token());
                answer = source.isDead() ? "none" : "yes";
            }
        } catch (IOException | RefusedException e) { // one of them is away
            answer = String.valueOf(e.getMessage());
        }
    }

    /** Or whoever would take it over is dead. */
    private boolean isHandedOver() throws IOException {
        SimHost source = simulation.host(Role.SOURCE);
        return source.daemon().migrations().list().stream()
                .noneMatch(migration -> migration.phase().canAbort());
    }

    /** @return why it failed, or null if the guest may resume at the destination */
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
        atSource.pause();
        stopped = true;
        if (!paused) {
            atSource.monitor().stop();
        }
        if (failure == Failure.STOPPED || cancelled) {
            return "it failed once the vCPUs had stopped";
        }
        atSource.monitor().migration("pre-switchover");
        atSource.monitor().migration("device");
        return load();
    }

    /** What the hook asks of the daemons before the stream, and QEMU's start. */
    private boolean hooksAgree() throws Exception {
        SimHost source = simulation.host(Role.SOURCE);
        SimHost destination = simulation.host(Role.DESTINATION);
        try {
            SimDaemon there = destination.daemon();
            if (!there.call(() -> there.migrations().incoming().isExpected(vm))) {
                return false;
            }
            startThere(destination);
            SimDaemon now = destination.daemon();
            now.call(() -> {
                now.migrations().incoming().qemuStarted(vm);
                return true;
            });
            SimDaemon here = source.daemon();
            return here.call(() -> here.migrations().awaitReady(vm, false, READY_NS))
                    && now.call(() -> {
                        now.migrations().incoming().streamBegins(vm);
                        return true;
                    });
        } catch (IOException | AssertionError e) {
            return false; // a daemon has died, or refused
        }
    }

    private void startThere(SimHost destination) throws Exception {
        destination.attaching().readLock().lock();
        try {
            atDestination = new SimQemu(program, vm, destination, backends);
            simulation.opened(destination, atDestination);
        } finally {
            destination.attaching().readLock().unlock();
        }
    }

    /** The device state: a little RAM is looked at before the guest runs, as device models do. */
    private @Nullable String load() throws Exception {
        SimQemu there = atDestination;
        if (there == null) {
            return "no QEMU at the destination";
        }
        if (failure == Failure.DESTROYED) {
            return "the VM was destroyed";
        }
        Path state = simulation.directory().resolve("device-state");
        atSource.process().run("save " + state);
        there.process().run("load " + state);
        there.process().begin("verify " + pages / 3 + " 8");
        if (failure == Failure.LOADING) {
            return "the device state could not be loaded";
        }
        // Nobody waits for a hypervisor for ever: whoever asked for the migration cancels it.
        simulation.await("the device state is loaded", () -> there.process().hasAnswered() || cancelled || isStuck());
        if (cancelled || !there.process().hasAnswered()) {
            return "it was cancelled while the device state was loaded";
        }
        there.process().end();
        synchronized (this) {
            if (cancelled) {
                return "it was cancelled at the last moment";
            }
            completed = true;
        }
        atSource.monitor().migration("completed");
        there.monitor().load();
        return failure == Failure.COMPLETED ? "the guest could not be resumed" : null;
    }

    /** The daemon that had begun to tell the destination is another's, and that one does not know of it. */
    private boolean isStuck() {
        boolean another =
                simulation.hasDied(Role.SOURCE) && simulation.host(Role.SOURCE).isUp();
        return another && ++looksInVain > PATIENCE;
    }

    private void giveUp(String guestCommand) throws Exception {
        SimQemu there = atDestination;
        if (there != null) {
            there.close();
        }
        if (!completed && begun) {
            atSource.monitor().migration(cancelled ? "cancelled" : "failed");
        }
        if (stopped && !paused) {
            atSource.monitor().resume();
            atSource.run(guestCommand);
        }
    }
}
