package org.splitmem.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class OperationStateTest {
    private static final Map<OperationState, Set<OperationState>> NEXT = Map.of(
            OperationState.PREPARING, Set.of(OperationState.RUNNING, OperationState.CANCELLED, OperationState.FAILED),
            OperationState.RUNNING,
                    Set.of(
                            OperationState.COMPLETING,
                            OperationState.DONE,
                            OperationState.CANCELLED,
                            OperationState.FAILED),
            OperationState.COMPLETING, Set.of(OperationState.DONE, OperationState.FAILED),
            OperationState.DONE, Set.of(),
            OperationState.CANCELLED, Set.of(),
            OperationState.FAILED, Set.of());

    @ParameterizedTest
    @EnumSource
    void aStateLeadsToThoseOfTheTableAndToNoOther(OperationState state) {
        for (OperationState next : OperationState.values()) {
            assertThat(state.leadsTo(next))
                    .as("%s -> %s", state, next)
                    .isEqualTo(NEXT.get(state).contains(next));
        }
        assertThat(state.isOver()).isEqualTo(NEXT.get(state).isEmpty());
        assertThat(state.canBeCancelled()).isEqualTo(NEXT.get(state).contains(OperationState.CANCELLED));
    }
}
