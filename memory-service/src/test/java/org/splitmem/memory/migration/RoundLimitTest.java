package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RoundLimitTest {
    private final Signals signals = new Signals();
    private final RoundLimit limit = new RoundLimit(new MigrationConfig(4, 0, 3, 100, 1_000, 5), signals);

    @Test
    void aSmallRemainderIsEnough() {
        assertThat(limit.isReached(0, 1_001)).isFalse();
        assertThat(limit.isReached(1, 600)).isTrue();
    }

    @Test
    void aRemainderThatNoLongerShrinksIsNotWorthARound() {
        assertThat(limit.isReached(0, 100_000)).isFalse();
        assertThat(limit.isReached(1, 60_000)).isFalse();
        assertThat(limit.isReached(2, 50_000)).isTrue();
    }

    @Test
    void roundsAreLimited() {
        for (int round = 0; round < 4; round++) {
            assertThat(limit.isReached(round, 1_000_000 >> round)).isFalse();
        }
        assertThat(limit.isReached(4, 50_000)).isTrue();
    }

    @Test
    void whoeverAsksToCompleteGetsNoFurtherRoundHoweverMuchIsLeft() {
        signals.complete();

        assertThat(limit.isReached(0, 100_000_000)).isTrue();
    }

    @Test
    void askingToCompleteWakesTheMigration() {
        assertThat(signals.mustComplete()).isFalse();
        new Thread(signals::complete).start();

        assertThat(signals.await(signals::mustComplete, Signals.seconds(10))).isTrue();
    }
}
