package org.splitmem.memory.thread;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class BackoffTest {
    private final Backoff backoff = new Backoff(10, 50);

    @Test
    void eachFailureInARowWaitsTwiceAsLongAsTheOneBeforeUpToTheLongest() {
        assertThat(LongStream.generate(backoff::failed).limit(5)).containsExactly(10L, 20L, 40L, 50L, 50L);
    }

    @Test
    void afterASuccessItIsTheShortestAgain() {
        assertThat(backoff.isReset()).isTrue();
        backoff.failed();
        backoff.failed();
        assertThat(backoff.isReset()).isFalse();

        backoff.succeeded();

        assertThat(backoff.isReset()).isTrue();
        assertThat(backoff.failed()).isEqualTo(10);
    }
}
