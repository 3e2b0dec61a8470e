package org.splitmem.cli.migration;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.cli.control.ControlException;
import org.splitmem.cli.control.DaemonUnreachableException;
import org.splitmem.model.AbortReason;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.MigrationRequest;

/**
 * Drives one migration to its end, seen from its source host.
 *
 * <pre>
 *   request to splitmemd   -> it plans and copies; its phases are shown
 *   splitmemd says so      -> the hypervisor is asked to migrate, in a thread of its own
 *   the hypervisor fails   -> splitmemd is asked to abort, unless the destination owns the VM already
 *   ABORTED                -> the hypervisor is told to stop
 *   DONE, FAILED_AFTER_HANDOVER -> and the hypervisor has come back: over
 * </pre>
 *
 * <p>All methods but {@link #abandon} are for one thread.
 */
public final class MigrationRun {
    private static final String INTERRUPTED = "aborted by the operator (splitmem migrate was interrupted)";

    private final ControlClient control;
    private final Hypervisor hypervisor;
    private final MigrationDisplay display;
    private final Pace pace;
    private final Abort abort;

    /** What was heard last; null before splitmemd has accepted. */
    private volatile @Nullable MigrationInfo latest;

    private volatile boolean asked;
    private final CountDownLatch answered = new CountDownLatch(1);

    private volatile boolean abandoned;
    private @Nullable Move move;
    private boolean abortAsked;

    /**
     * The times of a run.
     *
     * @param poll between two questions to splitmemd
     * @param patience how long splitmemd may be away (it may be restarted under a migration), and how long the hypervisor may take to come
     *     back after splitmemd has finished
     * @param grace how long the hypervisor may take to notice by itself that splitmemd has given up, before it is told
     */
    public record Pace(Duration poll, Duration patience, Duration grace) {
        public static final Pace NORMAL =
                new Pace(Duration.ofMillis(100), Duration.ofSeconds(60), Duration.ofSeconds(2));
    }

    public MigrationRun(ControlClient control, Hypervisor hypervisor, MigrationDisplay display, Pace pace) {
        this.control = control;
        this.hypervisor = hypervisor;
        this.display = display;
        this.pace = pace;
        this.abort = new Abort(control, pace);
    }

    /**
     * How it ended.
     *
     * @param info the last state: one that is over
     * @param hypervisorError what the hypervisor complained of; null if nothing, or if it was told to stop
     * @param movedAllTheSame whether the hypervisor has migrated a VM whose migration was given up
     */
    public record Outcome(MigrationInfo info, @Nullable String hypervisorError, boolean movedAllTheSame) {
        public boolean success() {
            return info.phase() == MigrationPhase.DONE && hypervisorError == null;
        }
    }

    /**
     * Migrates, and returns when it is over.
     *
     * @param vm uuid or name
     * @throws ControlException if splitmemd refuses
     * @throws DaemonUnreachableException if splitmemd stays away for longer than the patience
     */
    public Outcome run(String vm, MigrationRequest request, Route route) throws InterruptedException {
        MigrationInfo info = request(vm, request);
        while (!info.phase().isOver()) {
            display.show(info);
            askHypervisorInTime(info, route);
            info = abortIfHypervisorFailed(info);
            if (!info.phase().isOver()) {
                pause();
                info = poll(info);
            }
            latest = info;
        }
        display.show(info);
        String error = awaitHypervisor(info);
        return new Outcome(info, error, info.phase() == MigrationPhase.ABORTED && move != null && move.succeeded());
    }

    /** Never once the user has left: {@link #leave} tells of all that was asked. */
    private synchronized void askHypervisorInTime(MigrationInfo info, Route route) {
        if (move == null && !abandoned && info.letsHypervisorStart()) {
            move = Move.start(hypervisor, info.vm(), route);
        }
    }

    /** @return the hypervisor's part, if that was asked for; from now on it is not */
    private synchronized @Nullable Move leave() {
        abandoned = true;
        return move;
    }

    private MigrationInfo request(String vm, MigrationRequest request) {
        asked = true;
        try {
            MigrationInfo info = control.migrate(vm, request);
            latest = info;
            return info;
        } finally {
            answered.countDown();
        }
    }

    /**
     * For a user who leaves: gives the migration up if the VM can still stay here. May be called from any thread, after which {@link #run}
     * shows nothing more and does not return.
     *
     * @return what to tell the user; null if there is nothing to give up
     */
    public @Nullable String abandon() throws InterruptedException {
        Move moving = leave();
        if (asked && !answered.await(pace.patience().toNanos(), TimeUnit.NANOSECONDS)) {
            return "splitmemd has not answered: see 'splitmem migrations' for whether a migration has begun";
        }
        MigrationInfo info = latest;
        if (info == null || info.phase().isOver()) {
            return null;
        }
        String what = "migration " + info.id() + " of " + info.name();
        try {
            MigrationInfo aborting = abort.ask(info.id(), INTERRUPTED);
            if (moving != null && (aborting.phase().canAbort() || aborting.phase() == MigrationPhase.ABORTED)) {
                moving.stop();
            }
            return Abort.told(abort.awaitEnd(aborting));
        } catch (ControlException e) {
            return what + " goes on without this program: " + e.getMessage();
        } catch (DaemonUnreachableException e) {
            return what + " could not be aborted: " + e.getMessage();
        }
    }

    private MigrationInfo abortIfHypervisorFailed(MigrationInfo info) throws InterruptedException {
        if (move == null || abortAsked || !info.phase().canAbort()) {
            return info;
        }
        String error = move.error();
        if (error == null) {
            return info;
        }
        abortAsked = true;
        try {
            return abort.ask(info.id(), reasonOf(error).text());
        } catch (ControlException e) {
            // It has moved on since it was polled: to its end, or past handover.
            return poll(info);
        }
    }

    private MigrationInfo poll(MigrationInfo last) throws InterruptedException {
        long giveUpNs = System.nanoTime() + pace.patience().toNanos();
        boolean told = false;
        while (true) {
            parkIfAbandoned();
            try {
                return control.migration(last.id());
            } catch (DaemonUnreachableException e) {
                if (System.nanoTime() - giveUpNs > 0) {
                    throw e;
                }
                if (!told) {
                    display.note(e.getMessage() + "; waiting for it");
                    told = true;
                }
            }
            pause();
        }
    }

    private void pause() throws InterruptedException {
        TimeUnit.NANOSECONDS.sleep(pace.poll().toNanos());
    }

    /** While the program ends, nothing may be written over what {@link #abandon} has told the user. */
    private void parkIfAbandoned() throws InterruptedException {
        while (abandoned) {
            pause();
        }
    }

    /** What this program says when it gives a migration up, as the hypervisor has failed. */
    public static AbortReason reasonOf(String hypervisorError) {
        return AbortReason.because("aborted by splitmem migrate: " + hypervisorError);
    }

    private @Nullable String awaitHypervisor(MigrationInfo info) throws InterruptedException {
        parkIfAbandoned();
        if (move == null) {
            return null;
        }
        if (info.phase() == MigrationPhase.ABORTED && !move.await(pace.grace())) {
            move.stop();
            move.await(pace.patience());
            return null;
        }
        if (!move.await(pace.patience())) {
            return "libvirt has not come back within " + pace.patience().toSeconds() + " s; see 'virsh domjobinfo "
                    + info.name() + "'";
        }
        return move.error();
    }
}
