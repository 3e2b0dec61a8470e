package org.splitmem.cli.migration;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The hypervisor's part of a migration, under way in a thread of its own. Usable on any thread. */
final class Move {
    private final Hypervisor hypervisor;
    private final String uuid;
    private final CountDownLatch over = new CountDownLatch(1);
    private volatile @Nullable String error;

    private Move(Hypervisor hypervisor, String uuid) {
        this.hypervisor = hypervisor;
        this.uuid = uuid;
    }

    static Move start(Hypervisor hypervisor, String uuid, Route route) {
        var move = new Move(hypervisor, uuid);
        var thread = new Thread(() -> move.migrate(route), "hypervisor");
        // The program may end while libvirt still blocks.
        thread.setDaemon(true);
        thread.start();
        return move;
    }

    private void migrate(Route route) {
        try {
            hypervisor.migrate(uuid, route);
        } catch (HypervisorException e) {
            error = e.getMessage();
        } catch (RuntimeException | LinkageError e) {
            error = "libvirt's binding failed: " + e;
        } finally {
            over.countDown();
        }
    }

    /** Why it failed; null while it runs, and if it succeeded. */
    @Nullable
    String error() {
        return error;
    }

    boolean succeeded() {
        return over.getCount() == 0 && error == null;
    }

    /** Makes it fail, if it is not over yet. */
    void stop() {
        if (over.getCount() == 0) {
            return;
        }
        try {
            hypervisor.abort(uuid);
        } catch (HypervisorException e) {
            // It ended at this moment, or libvirt will find out by itself that splitmemd has given up: either way it is
            // over soon.
        }
    }

    /** @return whether it is over */
    boolean await(Duration limit) throws InterruptedException {
        return over.await(limit.toNanos(), TimeUnit.NANOSECONDS);
    }
}
