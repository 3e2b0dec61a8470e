package org.splitmem.memory.fault;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PageInLatencyTest {
    private static final long MINUTE_NS = 60_000_000_000L;

    private final PageInLatency latency = new PageInLatency(0);

    @Test
    void whatWasLongAgoIsForgottenButStaysCounted() {
        latency.record(1000);
        assertThat(latency.recent(MINUTE_NS).getTotalCount()).isEqualTo(1);
        latency.record(2000);
        assertThat(latency.recent(2 * MINUTE_NS).getTotalCount()).isEqualTo(1);
        latency.record(3000);

        assertThat(latency.recent(10 * MINUTE_NS).getTotalCount()).isZero();

        assertThat(latency.all().getTotalCount()).isEqualTo(3);
        assertThat(latency.all().getMaxValue()).isBetween(3000L, 3010L);
    }

    @Test
    void aStallIsLongerThanATenthOfASecond() {
        latency.record(99_000_000);
        latency.record(100_000_000);
        latency.record(101_000_000);

        assertThat(latency.stalls()).isEqualTo(1);
    }
}
