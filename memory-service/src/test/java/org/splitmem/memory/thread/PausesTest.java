package org.splitmem.memory.thread;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PausesTest {
    private static final long S = 1_000_000_000L;

    private final Pauses<String> pauses = new Pauses<>();

    private void pausesFor(long seconds, long fromNs) {
        assertThat(pauses.isOver("h1", fromNs + seconds * S - 1)).isFalse();
        assertThat(pauses.isOver("h1", fromNs + seconds * S)).isTrue();
    }

    @Test
    void afterEachFailureItPausesLongerAndAfterAnAnswerAShortWhile() {
        long nowNs = Long.MAX_VALUE - 10 * S; // nanoTime may begin anywhere, and wrap
        assertThat(pauses.isOver("h1", nowNs)).isTrue();
        for (long seconds : new long[] {2, 4, 8, 16, 32, 32}) {
            pauses.failed("h1", nowNs);
            pausesFor(seconds, nowNs);
            nowNs += seconds * S;
        }
        pauses.answered("h1", nowNs);
        pausesFor(2, nowNs);
        assertThat(pauses.isOver("h2", nowNs)).isTrue();
    }

    @Test
    void anEndedPauseIsOver() {
        pauses.failed("h1", 0);
        pauses.end();

        assertThat(pauses.isOver("h1", 0)).isTrue();
    }

    /** What it refused may have been something else; one that does not answer does not answer that either. */
    @Test
    void whatIsNewIsAskedForAtOnceOfOneThatAnswers() {
        pauses.answered("h1", 0);
        pauses.failed("h2", 0);
        pauses.endIfAnswered("h1");
        pauses.endIfAnswered("h2");
        pauses.endIfAnswered("h3");

        assertThat(pauses.isOver("h1", 0)).isTrue();
        assertThat(pauses.isOver("h2", 0)).isFalse();
        assertThat(pauses.isOver("h3", 0)).isTrue();
    }

    @Test
    void oneWhosePauseHasEndedHasNeverFailed() {
        pauses.failed("h1", 0);
        pauses.failed("h1", 2 * S);
        pauses.end("h1");
        pauses.failed("h1", 9 * S);

        pausesFor(2, 9 * S);
    }
}
