package org.splitmem.cli.migration;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.cli.control.ControlException;
import org.splitmem.cli.control.DaemonUnreachableException;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;

/** Gives a migration up and finds out what came of it: from the switch-over on only the hypervisor can say where the VM runs. */
public final class Abort {
    private final ControlClient control;
    private final MigrationRun.Pace pace;

    /** @param pace its patience is how long the end of a migration is waited for */
    public Abort(ControlClient control, MigrationRun.Pace pace) {
        this.control = control;
        this.pace = pace;
    }

    /**
     * Asks for the end of a migration, and waits for it.
     *
     * @return its last state: ABORTED, or a later one than could be aborted; any other if it takes longer than the patience
     * @throws ControlException if splitmemd refuses
     * @throws DaemonUnreachableException if splitmemd does not take it, or stays away for longer than the patience
     */
    public MigrationInfo abort(String id, String reason) throws InterruptedException {
        return awaitEnd(ask(id, reason));
    }

    /** As {@link #abort}, but does not wait. */
    MigrationInfo ask(String id, String reason) {
        return control.abort(id, reason);
    }

    MigrationInfo awaitEnd(MigrationInfo asked) throws InterruptedException {
        long endNs = System.nanoTime() + pace.patience().toNanos();
        MigrationInfo info = asked;
        while (info.phase().canAbort() && System.nanoTime() - endNs < 0) {
            TimeUnit.NANOSECONDS.sleep(pace.poll().toNanos());
            info = poll(info, endNs);
        }
        return info;
    }

    private MigrationInfo poll(MigrationInfo last, long endNs) {
        try {
            return control.migration(last.id());
        } catch (DaemonUnreachableException e) {
            if (System.nanoTime() - endNs > 0) {
                throw e;
            }
            return last; // it may be restarted under a migration
        }
    }

    /** Where the VM runs, for the user. */
    public static String told(MigrationInfo info) {
        String what = "migration " + info.id() + " of " + info.name();
        if (info.phase() == MigrationPhase.ABORTED) {
            return what + " aborted: " + info.reason() + where(info);
        }
        if (!info.phase().canAbort()) {
            return what + " could not be aborted any more: the VM runs at " + info.destination();
        }
        return what + " is to be aborted, but is still in "
                + info.phase().name().toLowerCase(Locale.ROOT) + ": 'splitmem migrations' shows how it ends";
    }

    /** Where the VM of a migration that was given up is, as the end of a sentence. */
    public static String where(MigrationInfo info) {
        return info.staysAtSource() ? "; the VM is still at " + info.source() : "";
    }
}
