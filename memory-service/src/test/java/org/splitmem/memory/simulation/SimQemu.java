package org.splitmem.memory.simulation;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.testing.FakeQemu;

/** A QEMU of the simulated VM: a process with its RAM, and its monitor. Used by one thread, but for its guest. */
final class SimQemu implements AutoCloseable {
    private static final long EXIT_MS = 300;
    /** A guest that leaves the processors to the others now and then. */
    private static final long PAUSE_NS = 3_000_000L;

    private final FakeQemu process;
    private final FakeMonitor monitor;
    private volatile boolean stopping;
    private @Nullable FutureTask<Boolean> guest;
    private volatile boolean ended;

    /** Starts it, with all its RAM. @throws AssertionError if the daemon refuses its RAM */
    SimQemu(Path program, UUID vm, SimHost host, List<Long> backends) throws IOException, InterruptedException {
        monitor = new FakeMonitor(host.monitorSocket(vm));
        process = FakeQemu.start(program, vm, host.shimSocket());
        try {
            for (long bytes : backends) {
                process.run("map " + bytes);
            }
        } catch (AssertionError | IOException e) {
            close();
            throw e;
        }
    }

    FakeQemu process() {
        return process;
    }

    FakeMonitor monitor() {
        return monitor;
    }

    /** The vCPUs run: the guest repeats a command with an ever new seed. */
    void run(String command) {
        stopping = false;
        FutureTask<Boolean> task = new FutureTask<>(() -> {
            for (int i = 0; !stopping; i++) {
                process.run(command.formatted(i));
                LockSupport.parkNanos(PAUSE_NS);
            }
            return true;
        });
        Thread thread = new Thread(task, "guest");
        thread.setDaemon(true);
        thread.start();
        guest = task;
    }

    /** Asks the vCPUs to stop. @return true once they have, so that {@link #pause} does not wait */
    boolean pauses() {
        stopping = true;
        FutureTask<Boolean> running = guest;
        return running == null || running.isDone();
    }

    /** The vCPUs stop. @throws AssertionError if the guest has seen wrong RAM */
    void pause() throws InterruptedException {
        stopping = true;
        FutureTask<Boolean> running = guest;
        if (running != null) {
            guest = null;
            try {
                running.get();
            } catch (ExecutionException e) {
                throw new AssertionError("the guest failed: " + e.getCause().getMessage(), e);
            }
        }
    }

    /** Whether its guest was ever run, and it has not ended. */
    boolean isOfGuest() {
        return !ended && monitor.hasRun();
    }

    /** As libvirt ends it. */
    void exit() throws InterruptedException, IOException {
        if (!ended) {
            ended = true;
            process.exit(EXIT_MS);
            monitor.close();
        }
    }

    @Override
    public void close() throws IOException {
        if (!ended) {
            ended = true;
            process.close();
            monitor.close();
        }
    }
}
