package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class HypervisorCallTest {
    private static final long SECOND_NS = 1_000_000_000L;

    private final HypervisorCall call = new HypervisorCall();

    @Test
    void oneThatNobodyWasToldToMakeIsAnother() {
        assertThat(call.isLate(0)).isFalse();
    }

    @Test
    void itIsLateOnce() {
        call.expected();

        assertThat(call.isLate(29 * SECOND_NS)).isTrue();
        assertThat(call.isLate(29 * SECOND_NS)).isFalse();
    }

    @Test
    void oneThatTheHookKnowsIsNotLate() {
        call.expected();
        call.answered();

        assertThat(call.isLate(0)).isFalse();
    }

    @Test
    void afterHalfAMinuteItIsAnother() {
        call.expected();

        assertThat(call.isLate(30 * SECOND_NS)).isFalse();
    }
}
