package org.splitmem.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.splitmem.events.Samples.NOW;
import static org.splitmem.events.Samples.migration;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.splitmem.model.Handover;
import org.splitmem.model.MigrationInfo;
import org.splitmem.model.MigrationKind;
import org.splitmem.model.MigrationPhase;
import org.splitmem.model.PagePlacement;

class MigrationEventsTest {
    private static final List<MigrationPhase> PHASES =
            List.copyOf(EnumSet.range(MigrationPhase.PLANNED, MigrationPhase.HANDOVER));

    private static List<String> told(List<Event> events) {
        return Schemas.valid(events).stream()
                .map(e -> e.kind() + " " + e.data().get("phase").asText()
                        + (e.data().get("unseen").asBoolean() ? " unseen" : ""))
                .toList();
    }

    @Test
    void phasesBetweenTwoReadingsAreToldToo() {
        var before = migration(MigrationPhase.PRECOPY, 1, 4096);
        var now = migration(MigrationPhase.HANDOVER, 3, 8192);

        assertThat(told(MigrationEvents.between(before, now, NOW)))
                .containsExactly("phase READY unseen", "phase SWITCHOVER unseen", "phase HANDOVER");
    }

    @Test
    void aMigrationThatIsFoundFinishedIsToldWhole() {
        List<Event> events = MigrationEvents.between(null, migration(MigrationPhase.DONE, 3, 4096 * 200), NOW);

        assertThat(told(events))
                .containsExactly(
                        "phase PLANNED unseen",
                        "phase PRECOPY unseen",
                        "phase READY unseen",
                        "phase SWITCHOVER unseen",
                        "phase HANDOVER unseen",
                        "outcome DONE");
        assertThat(events).isSortedAccordingTo((a, b) -> a.time().compareTo(b.time()));
        assertThat(events.get(5).data().get("downtimeMs").asDouble()).isEqualTo(82.5);
    }

    @Test
    void oneThatFailedAfterTheHandoverHasBeenHandedOver() {
        List<Event> events =
                MigrationEvents.between(null, migration(MigrationPhase.FAILED_AFTER_HANDOVER, 3, 4096), NOW);

        assertThat(told(events))
                .containsExactly(
                        "phase PLANNED unseen",
                        "phase PRECOPY unseen",
                        "phase READY unseen",
                        "phase SWITCHOVER unseen",
                        "phase HANDOVER unseen",
                        "outcome FAILED_AFTER_HANDOVER");
        assertThat(events.get(5).data().path("reason").asText()).isEqualTo("h3 died");
    }

    /** A phase that is added must not make what validates events by this schema refuse them. */
    @Test
    void theSchemaLetsPhasesOfALaterVersionPass() {
        ObjectNode later = MigrationEvents.between(null, migration(MigrationPhase.PLANNED, 0, 0), NOW)
                .get(0)
                .data()
                .put("phase", "FLYING");

        assertThat(Schemas.faults(Topic.MIGRATION, later)).isEmpty();
    }

    @Test
    void anAbortedOneIsNotSaidToHaveBeenWhereItMayNotHaveBeen() {
        var aborted = migration(MigrationPhase.ABORTED, 1, 4096);

        assertThat(told(MigrationEvents.between(null, aborted, NOW)))
                .containsExactly("phase PLANNED unseen", "outcome ABORTED");
        assertThat(told(MigrationEvents.between(migration(MigrationPhase.READY, 1, 4096), aborted, NOW)))
                .containsExactly("outcome ABORTED");
        assertThat(MigrationEvents.between(aborted, aborted, NOW)).isEmpty();
    }

    @Test
    void withinAPhaseOnlyWhatMovedIsTold() {
        var before = migration(MigrationPhase.PRECOPY, 1, 4096);

        assertThat(MigrationEvents.between(before, before, NOW)).isEmpty();
        assertThat(told(MigrationEvents.between(before, migration(MigrationPhase.PRECOPY, 1, 8192), NOW)))
                .containsExactly("progress PRECOPY");
    }

    @Test
    void eachTellsOfWhichRequestItIsAndWhatNovaCallsTheMigration() {
        assertThat(MigrationEvents.between(null, migration(MigrationPhase.DONE, 3, 4096), NOW))
                .isNotEmpty()
                .allSatisfy(event -> {
                    assertThat(event.data().path("requestId").asText()).isEqualTo("req-" + Samples.uuid(8));
                    assertThat(event.data().path("novaMigrationUuid").asText()).isEqualTo(Samples.uuid(7));
                });
    }

    @Test
    void whatItChangesIsToldFromTheBeginning() {
        List<Event> whole = Schemas.valid(MigrationEvents.between(null, migration(MigrationPhase.PRECOPY, 0, 0), NOW));
        List<Event> partial = Schemas.valid(
                MigrationEvents.between(null, migration(MigrationPhase.PRECOPY, MigrationKind.PARTIAL), NOW));
        List<Event> gather = Schemas.valid(
                MigrationEvents.between(null, migration(MigrationPhase.PRECOPY, MigrationKind.GATHER), NOW));

        assertThat(whole)
                .allSatisfy(
                        event -> assertThat(event.data().path("kind").asText()).isEqualTo("one-to-n"));
        assertThat(partial).isNotEmpty().allSatisfy(event -> {
            assertThat(event.data().path("kind").asText()).isEqualTo("partial");
            assertThat(event.data().path("destination").asText())
                    .as("who owns its memory next")
                    .isEqualTo("h2");
            assertThat(event.data().path("pagesStaying").asLong()).isEqualTo(100);
        });
        assertThat(gather).isNotEmpty().allSatisfy(event -> {
            assertThat(event.data().path("kind").asText()).isEqualTo("gather");
            assertThat(event.data().has("pagesStaying")).isFalse();
        });
    }

    /** Bridges of both versions tell events to readers of both. */
    @Test
    void theSchemaTakesAnEventOfAnEarlierVersionAndKindsOfALaterOne() {
        ObjectNode event = MigrationEvents.between(null, migration(MigrationPhase.PLANNED, 0, 0), NOW)
                .get(0)
                .data();

        assertThat(Schemas.faults(Topic.MIGRATION, event.deepCopy().without("kind")))
                .isEmpty();
        assertThat(Schemas.faults(Topic.MIGRATION, event.deepCopy().put("kind", "template")))
                .isEmpty();
        assertThat(Schemas.faults(Topic.MIGRATION, event.deepCopy().put("kind", 7)))
                .isNotEmpty();
    }

    @Test
    void readingsOfTwoMigrationsAreNotMixed() {
        var other = new MigrationInfo(
                "m2",
                Samples.VM,
                "db1",
                MigrationPhase.PLANNED,
                "h1",
                "h2",
                List.of(),
                0,
                Handover.HYBRID,
                0,
                0,
                0,
                0,
                0,
                0,
                null,
                1,
                null,
                null,
                null,
                PagePlacement.NONE,
                null,
                null,
                null,
                false,
                null);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> MigrationEvents.between(migration(MigrationPhase.PLANNED, 0, 0), other, NOW));
    }

    /** However two bridges read the same migration, whatever both tell has the same id, and each tells every phase once, in order. */
    @ParameterizedTest
    @EnumSource(names = {"DONE", "ABORTED"})
    void twoBridgesTellTheSameUnderTheSameId(MigrationPhase end) {
        Random random = new Random(11);
        for (int run = 0; run < 200; run++) {
            List<Event> one = readings(random, end);
            List<Event> other = readings(random, end);
            assertThat(one.stream().map(Event::id)).doesNotHaveDuplicates();
            if (end == MigrationPhase.DONE) {
                assertThat(phaseIds(one)).isEqualTo(phaseIds(other)).hasSize(6);
            }
            assertThat(one.get(one.size() - 1).id()).isEqualTo("m1/outcome");
            assertThat(new HashSet<>(one.stream().map(Event::source).toList())).containsExactly("/splitmem/hosts/h1");
        }
    }

    private static List<String> phaseIds(List<Event> events) {
        return events.stream()
                .filter(e -> !e.type().equals(MigrationEvents.PROGRESS))
                .map(Event::id)
                .toList();
    }

    private static List<Event> readings(Random random, MigrationPhase end) {
        List<Event> events = new ArrayList<>();
        MigrationInfo before = null;
        int steps = 30;
        int aborts = end == MigrationPhase.ABORTED ? random.nextInt(20) : steps;
        for (int step = 0; step < steps; step++) {
            boolean last = step == steps - 1;
            MigrationPhase phase = step >= aborts || last ? end : PHASES.get(step / 6);
            if (random.nextInt(4) == 0 || last) {
                MigrationInfo now = migration(phase, step / 3, 4096L * step);
                events.addAll(MigrationEvents.between(before, now, NOW));
                before = now;
            }
        }
        return Schemas.valid(events);
    }

    @Test
    void theSchemaRefusesWhatIsNotAsItSays() {
        ObjectNode good = MigrationEvents.between(null, migration(MigrationPhase.PLANNED, 0, 0), NOW)
                .get(0)
                .data();

        assertThat(Schemas.faults(Topic.MIGRATION, good)).isEmpty();
        assertThat(Schemas.faults(Topic.MIGRATION, good.deepCopy().put("bytesDone", -1)))
                .isNotEmpty();
        assertThat(Schemas.unknown(Topic.MIGRATION, good.deepCopy().put("misspelt", 1)))
                .isNotEmpty();
        assertThat(Schemas.faults(Topic.MIGRATION, good.deepCopy().put("phase", 7)))
                .isNotEmpty();
        assertThat(Schemas.faults(Topic.MIGRATION, good.deepCopy().put("phase", "FAILED_AFTER_HANDOVER")))
                .as("without a reason")
                .isNotEmpty();
        assertThat(Schemas.faults(Topic.MIGRATION, good.deepCopy().put("phase", "ABORTED")))
                .isNotEmpty();
        assertThat(Schemas.faults(Topic.MIGRATION, good.deepCopy().without("migrationId")))
                .isNotEmpty();
        assertThat(Schemas.faults(Topic.MIGRATION, good.deepCopy().put("instanceUuid", "db1")))
                .isNotEmpty();
    }
}
