package org.splitmem.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MigrationPhaseTest {
    private static final Map<MigrationPhase, Set<MigrationPhase>> NEXT = Map.of(
            MigrationPhase.PLANNED, Set.of(MigrationPhase.PRECOPY, MigrationPhase.ABORTED),
            MigrationPhase.PRECOPY, Set.of(MigrationPhase.READY, MigrationPhase.ABORTED),
            MigrationPhase.READY, Set.of(MigrationPhase.SWITCHOVER, MigrationPhase.ABORTED),
            MigrationPhase.SWITCHOVER, Set.of(MigrationPhase.HANDOVER, MigrationPhase.ABORTED),
            MigrationPhase.HANDOVER,
                    Set.of(MigrationPhase.DONE, MigrationPhase.ABORTED, MigrationPhase.FAILED_AFTER_HANDOVER),
            MigrationPhase.DONE, Set.of(),
            MigrationPhase.ABORTED, Set.of(),
            MigrationPhase.FAILED_AFTER_HANDOVER, Set.of());

    @ParameterizedTest
    @EnumSource
    void aPhaseLeadsToThoseOfTheTableAndToNoOther(MigrationPhase phase) {
        for (MigrationPhase next : MigrationPhase.values()) {
            assertThat(phase.leadsTo(next))
                    .as("%s -> %s", phase, next)
                    .isEqualTo(NEXT.get(phase).contains(next));
        }
        assertThat(phase.isOver()).isEqualTo(NEXT.get(phase).isEmpty());
    }
}
