package org.splitmem.events;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationPhase;

/**
 * Makes the events of a migration from successive readings of it. Pure.
 *
 * <p>Ids are made from the migration and the phase, and for progress from how far it is: whoever else reads the same makes the same
 * event. Phases that were passed between two readings are told too, so that each migration is told whole.
 */
public final class MigrationEvents {
    /** A phase was reached that is not the last. */
    public static final String PHASE = Topic.MIGRATION.type("phase");
    /** It moved on within a phase. */
    public static final String PROGRESS = Topic.MIGRATION.type("progress");
    /** It is over: DONE, ABORTED or FAILED_AFTER_HANDOVER. */
    public static final String OUTCOME = Topic.MIGRATION.type("outcome");

    private MigrationEvents() {}

    /**
     * What is to be told after a reading.
     *
     * @param before the reading of the same migration that was told last, null for none
     * @param now a later one
     * @param at when it was read
     * @return in their order; empty if nothing has changed
     */
    public static List<Event> between(@Nullable MigrationInfo before, MigrationInfo now, Instant at) {
        if (before != null && !before.id().equals(now.id())) {
            throw new IllegalArgumentException("readings of two migrations: " + before.id() + " and " + now.id());
        }
        List<Event> events = new ArrayList<>();
        if (before == null || before.phase() != now.phase()) {
            if (before == null || !before.phase().isOver()) {
                addPhases(events, before, now, at);
            }
        } else if (!now.phase().isOver() && moved(before, now)) {
            events.add(progress(now, at));
        }
        return events;
    }

    private static void addPhases(List<Event> to, @Nullable MigrationInfo before, MigrationInfo now, Instant at) {
        // An aborted migration may have been in any phase up to HANDOVER: only what was seen, or is certain, is told.
        MigrationPhase upTo = now.phase() == MigrationPhase.ABORTED ? MigrationPhase.PRECOPY : now.phase();
        for (MigrationPhase phase : MigrationPhase.values()) {
            boolean told = before != null && phase.compareTo(before.phase()) <= 0;
            if (!told && !phase.isOver() && phase.compareTo(upTo) < 0) {
                to.add(phase(now, phase, true, at));
            }
        }
        to.add(phase(now, now.phase(), false, at));
    }

    private static Event phase(MigrationInfo info, MigrationPhase phase, boolean unseen, Instant at) {
        String id = info.id() + (phase.isOver() ? "/outcome" : "/phase/" + phase);
        // Of a migration that is over, nothing can have happened after its end.
        Instant atMost = info.finishedAtMs() == null ? at : Instant.ofEpochMilli(info.finishedAtMs());
        Instant time = phase == MigrationPhase.PLANNED ? Instant.ofEpochMilli(info.startedAtMs()) : atMost;
        return event(id, phase.isOver() ? OUTCOME : PHASE, info, phase, unseen, time);
    }

    private static Event progress(MigrationInfo info, Instant at) {
        String id = info.id() + "/progress/" + info.phase() + "/" + info.round() + "/" + info.bytesDone() + "/"
                + info.bytesTotal();
        return event(id, PROGRESS, info, info.phase(), false, at);
    }

    private static Event event(
            String id, String type, MigrationInfo info, MigrationPhase phase, boolean unseen, Instant time) {
        return Event.of(
                id, type, Event.sourceOfHost(info.source()), time, info.vm(), MigrationEvent.of(info, phase, unseen));
    }

    private static boolean moved(MigrationInfo before, MigrationInfo now) {
        return before.round() != now.round()
                || before.bytesDone() != now.bytesDone()
                || before.bytesTotal() != now.bytesTotal();
    }
}
