package org.splitmem.memory.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class RateLimiterTest {
    private static final long SECOND = 1_000_000_000L;

    @Test
    void bytesAreSpreadOverTime() {
        RateLimiter limiter = new RateLimiter(1_000_000);
        long now = System.nanoTime() + SECOND;

        long first = limiter.reserve(500_000, now);
        long second = limiter.reserve(500_000, now);
        long third = limiter.reserve(1, now);

        assertThat(second - first).isEqualTo(SECOND / 2);
        assertThat(third - second).isEqualTo(SECOND / 2);
    }

    @Test
    void whatWasNotUsedCannotBeSavedUpBeyondABurst() {
        RateLimiter limiter = new RateLimiter(1_000_000);
        long now = System.nanoTime() + SECOND;
        limiter.reserve(1_000_000, now);

        long later = now + 100 * SECOND;
        long start = limiter.reserve(1_000_000, later);
        long next = limiter.reserve(1, later);

        assertThat(start).isBetween(later - SECOND / 100, later);
        assertThat(next).isGreaterThan(later + SECOND / 2);
    }

    /** A migration that is aborted ends with the last of its streams. */
    @Test
    void nobodyWaitsAnyMoreOnceItHasEnded() {
        RateLimiter limiter = new RateLimiter(1);
        limiter.acquire(1_000_000);
        CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> limiter.acquire(1));

        limiter.end();

        assertThat(waiting).succeedsWithin(Duration.ofSeconds(10));
    }

    @Test
    void withoutALimitNothingWaits() {
        new RateLimiter(0).acquire(Long.MAX_VALUE);
    }

    @Test
    void aNegativeRateIsRefused() {
        assertThatThrownBy(() -> new RateLimiter(-1)).hasMessageContaining("-1");
    }

    @Test
    void acquireWaitsForItsTurn() {
        RateLimiter limiter = new RateLimiter(10_000_000);
        long startNs = System.nanoTime();

        limiter.acquire(500_000);
        limiter.acquire(1);

        assertThat(System.nanoTime() - startNs).isGreaterThan(35_000_000L);
    }
}
