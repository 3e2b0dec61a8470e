package org.splitmem.bridge.telemetry;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.splitmem.bridge.store.Migration;
import org.splitmem.bridge.store.Progress;
import org.splitmem.bridge.store.Status;
import org.splitmem.events.Event;
import org.splitmem.events.MigrationEvents;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationKind;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.PagePlacement;
import org.splitmem.model.SubHostShare;

/**
 * Tells migrations from readings of them, each once and in order. Any thread.
 *
 * <p>Whoever holds a migration's lease reads it; a bridge that takes it over tells it from the beginning, with the same ids.
 */
final class MigrationTale {
    /** How many are remembered. One that was forgotten is told again if somebody reads it, with the same ids. */
    private static final int MOST_REMEMBERED = 1000;

    private static final long MIB = 1L << 20;

    private record Told(MigrationInfo info, Instant at) {}

    private final Consumer<Event> publisher;
    private final Duration interval;
    private final Map<String, Told> last = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Told> eldest) {
            return size() > MOST_REMEMBERED;
        }
    }; // guarded by this

    MigrationTale(Consumer<Event> publisher, Duration interval) {
        this.publisher = publisher;
        this.interval = interval;
    }

    /** @param at when the daemon said so */
    synchronized void read(MigrationInfo info, Instant at) {
        Told before = last.get(info.id());
        if (before != null && (isLate(before.info(), info) || isTooSoon(before, info, at))) {
            return;
        }
        MigrationEvents.between(before == null ? null : before.info(), info, at).forEach(publisher);
        last.put(info.id(), new Told(info, at));
    }

    /** What was told may have to be told again; where it need not, its ids say so. */
    synchronized void forget() {
        last.clear();
    }

    /** Two threads may read at once, and the later reading be told first. */
    private static boolean isLate(MigrationInfo before, MigrationInfo now) {
        return before.phase().isOver() || now.phase().compareTo(before.phase()) < 0;
    }

    private boolean isTooSoon(Told before, MigrationInfo now, Instant at) {
        return before.info().phase() == now.phase() && at.isBefore(before.at().plus(interval));
    }

    /** The bridge counts it as over: tells the outcome, if the daemon has not said it itself. */
    synchronized void ended(Migration migration, Instant at) {
        Told before = migration.daemonId() == null ? null : last.get(migration.daemonId());
        if (migration.daemonId() != null
                && (before == null || !before.info().phase().isOver())) {
            read(outcome(migration, migration.daemonId(), before == null ? null : before.info()), at);
        }
    }

    private static @Nullable MigrationKind splitKind(Migration migration, @Nullable MigrationInfo seen) {
        if (seen != null) {
            return seen.splitKind();
        }
        if (!migration.split()) {
            return null;
        }
        return migration.whole() ? MigrationKind.GATHER : MigrationKind.PARTIAL;
    }

    /** As the daemon would tell it, had it not forgotten it. */
    private static MigrationInfo outcome(Migration migration, String id, @Nullable MigrationInfo seen) {
        Progress progress = migration.progress();
        boolean done = migration.status() == Status.COMPLETED;
        List<SubHostShare> shares = new ArrayList<>();
        migration.subHosts().forEach((host, mb) -> shares.add(new SubHostShare(host, mb * MIB)));
        return new MigrationInfo(
                id,
                migration.instance().toString(),
                migration.vm().name(),
                done ? MigrationPhase.DONE : MigrationPhase.ABORTED,
                migration.source(),
                migration.destination(),
                shares,
                migration.budgetMb() * MIB,
                seen == null ? Handover.HYBRID : seen.handover(),
                seen == null ? 0 : seen.round(),
                progress.totalBytes(),
                progress.processedBytes(),
                progress.remainingBytes(),
                0,
                0,
                null,
                seen == null ? migration.createdMs() : seen.startedAtMs(),
                migration.finishedMs(),
                progress.downtimeMs(),
                done ? null : String.valueOf(migration.reason()),
                seen == null ? PagePlacement.NONE : seen.pages(),
                migration.novaMigration() == null
                        ? null
                        : migration.novaMigration().toString(),
                migration.requestId(),
                seen == null ? null : seen.vmEnded(),
                false,
                splitKind(migration, seen));
    }
}
