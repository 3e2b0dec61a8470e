package org.splitmem.memory.migration;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProgressTest {
    private static final long SECOND = 1_000_000_000L;

    @Test
    void timeLeftIsTheRemainderAtTheNetRate() {
        Progress progress = new Progress();
        progress.planned(10_000, 0);

        progress.sent(1_000, SECOND);

        assertThat(progress.remainingBytes()).isEqualTo(9_000 * 4096L);
        assertThat(progress.bytesPerSecond()).isEqualTo(1_000 * 4096L);
        assertThat(progress.etaSeconds()).isEqualTo(9);
    }

    @Test
    void aGuestThatWritesFasterThanIsSentHasNoTimeLeft() {
        Progress progress = new Progress();
        progress.planned(10_000, 0);
        progress.sent(1_000, SECOND);

        progress.dirty(5_000, SECOND);

        assertThat(progress.etaSeconds()).isNull();
        assertThat(progress.dirtyBytesPerSecond()).isEqualTo(5_000 * 4096L);
    }

    @Test
    void pagesThatAreWrittenAgainCountTowardsTheTotal() {
        Progress progress = new Progress();
        progress.planned(100, 0);
        progress.sent(100, SECOND);

        progress.dirty(30, SECOND);

        assertThat(progress.totalBytes()).isEqualTo(130 * 4096L);
        assertThat(progress.remainingBytes()).isEqualTo(30 * 4096L);
    }

    @Test
    void nothingRemainsOnceItIsFinished() {
        Progress progress = new Progress();
        progress.planned(100, 0);

        progress.finished();

        assertThat(progress.remainingBytes()).isZero();
        assertThat(progress.etaSeconds()).isZero();
    }
}
