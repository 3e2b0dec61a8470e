package org.splitmem.memory.shim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RefusalsTest {
    private final Refusals refusals = new Refusals();

    @Test
    void aShimThatComesAgainAndAgainIsToldOnceAMinute() {
        int told = 0;

        for (long ms = 0; ms < 61_000; ms += 100) {
            told += isNews("no RAM of VM 1 is known here", ms) ? 1 : 0;
        }

        assertThat(told).isEqualTo(2);
    }

    @Test
    void eachReasonIsToldByItself() {
        assertThat(isNews("no RAM of VM 1 is known here", 0)).isTrue();
        assertThat(isNews("no RAM of VM 2 is known here", 1)).isTrue();
        assertThat(isNews("no RAM of VM 1 is known here", 2)).isFalse();
    }

    @Test
    void whateverShimsSayIsNotRememberedWithoutLimit() {
        for (int i = 0; i < 10_000; i++) {
            assertThat(isNews("SPLITMEM_VM is not a uuid: \"" + i + "\"", 0)).isTrue();
        }

        assertThat(isNews("SPLITMEM_VM is not a uuid: \"0\"", 1)).isTrue();
        assertThat(isNews("SPLITMEM_VM is not a uuid: \"9999\"", 1)).isFalse();
    }

    private boolean isNews(String reason, long ms) {
        return refusals.isNews(reason, TimeUnit.MILLISECONDS.toNanos(ms));
    }
}
