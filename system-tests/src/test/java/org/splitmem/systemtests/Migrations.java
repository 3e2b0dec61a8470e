package org.splitmem.systemtests;

import java.time.Duration;
import java.util.function.Predicate;
import org.splitmem.cli.control.ControlClient;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;

/** Watches the migrations that a host knows. */
final class Migrations {
    private final ControlClient control;

    Migrations(Cluster cluster, String host) {
        this.control = cluster.control(host);
    }

    /** The newest migration of a guest, started by whomever. */
    MigrationInfo newest(Guest guest) {
        return control.migrations().stream()
                .filter(m -> m.name().equals(guest.name()))
                .max((a, b) -> Long.compare(a.startedAtMs(), b.startedAtMs()))
                .orElseThrow(() -> new IllegalStateException("no migration of " + guest.name()));
    }

    MigrationInfo await(Guest guest, String what, Duration limit, Predicate<MigrationInfo> wanted) {
        return Await.value("the migration of " + guest.name() + " " + what, limit, () -> newest(guest), wanted);
    }

    MigrationInfo awaitPhase(Guest guest, MigrationPhase phase, Duration limit) {
        return await(guest, "is in " + phase, limit, info -> {
            if (info.phase() != phase && info.phase().isOver()) {
                throw new AssertionError("it has ended: " + info);
            }
            return info.phase() == phase;
        });
    }

    /** In the middle of copying: some has been sent, and some is left. */
    MigrationInfo awaitCopying(Guest guest, long sinceMs) {
        return await(guest, "copies", Duration.ofSeconds(30), info -> {
            if (info.startedAtMs() < sinceMs) {
                return false;
            }
            if (info.phase().isOver()) {
                throw new AssertionError("it has ended: " + info);
            }
            return info.phase() == MigrationPhase.PRECOPY
                    && info.bytesDone() * 10 > info.bytesTotal()
                    && info.bytesDone() > 0;
        });
    }
}
