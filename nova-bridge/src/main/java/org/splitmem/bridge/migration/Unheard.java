package org.splitmem.bridge.migration;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.splitmem.bridge.daemon.Daemons;
import org.splitmem.bridge.http.ServiceException;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.MigrationStore;
import org.splitmem.bridge.store.Status;
import org.splitmem.model.MigrationInfo;

/**
 * Migrations that were given up because nothing was heard of them.
 *
 * <p>Perhaps only we could not hear them: they may go on, and hold memory on both sides, until their source's splitmemd is told. One thread in each
 * bridge; that several tell it does no harm.
 */
final class Unheard {
    private static final Logger log = LoggerFactory.getLogger(Unheard.class);

    private final MigrationStore store;
    private final Daemons daemons;

    Unheard(MigrationStore store, Daemons daemons) {
        this.store = store;
        this.daemons = daemons;
    }

    /**
     * Has the sources that answer again abort them.
     *
     * @return the source of each VM whose migration was not known to be over when this was called
     */
    Map<UUID, String> tell(Sightings sightings) {
        Map<UUID, String> sources = new TreeMap<>();
        for (Migration migration : store.unheard()) {
            sources.put(migration.instance(), migration.source());
            if (sightings.answered(Set.of(migration.source()))) {
                tell(migration);
            }
        }
        return sources;
    }

    private void tell(Migration migration) {
        try {
            if (isOver(migration)) {
                log.info("migration={} is over at {}", migration.id(), migration.source());
                store.heardAgain(migration.id());
            }
        } catch (ServiceException e) {
            log.warn("migration={} may still go on: {}", migration.id(), e.text());
        }
    }

    /** Asks for its end; the next round asks whether that has come. */
    private boolean isOver(Migration migration) throws ServiceException {
        if (migration.daemonId() == null && isMigratingAnew(migration)) {
            return false; // which of the two the daemon has cannot be told now
        }
        Optional<MigrationInfo> found = atSource(migration);
        if (found.isPresent() && found.get().phase().canAbort()) {
            daemons.abort(migration.source(), found.get().id(), "given up by nova-bridge: " + migration.reason());
        }
        return found.isEmpty() || found.get().phase().isOver();
    }

    private boolean isMigratingAnew(Migration migration) {
        return store.active(migration.instance())
                .filter(next -> next.status() == Status.RUNNING)
                .isPresent();
    }

    private Optional<MigrationInfo> atSource(Migration migration) throws ServiceException {
        return migration.daemonId() != null
                ? daemons.migration(migration.source(), migration.daemonId())
                : daemons.migrations(migration.source()).stream()
                        .filter(info -> Follower.isOf(migration, info))
                        .findFirst();
    }
}
