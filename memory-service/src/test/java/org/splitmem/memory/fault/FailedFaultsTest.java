package org.splitmem.memory.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.splitmem.memory.fault.FailedFaults.FIRST_PAUSE_NS;
import static org.splitmem.memory.fault.FailedFaults.LAST_PAUSE_NS;
import static org.splitmem.memory.fault.FailedFaults.MOST;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.linux.Errno;
import org.splitmem.memory.linux.LinuxException;

final class FailedFaultsTest {
    private final FailedFaults failed = new FailedFaults();
    private final List<Long> woken = new ArrayList<>();
    private long nowNs = Long.MAX_VALUE - 1_000; // the clock may be close to its end

    private void passes(long ns) {
        nowNs += ns;
        failed.wakeDue(nowNs, woken::add);
    }

    @Test
    void withoutOneThePagerWaitsForFaultsAlone() {
        assertThat(failed.waitMs(nowNs)).isEqualTo(-1);
        passes(1);
        assertThat(woken).isEmpty();
    }

    @Test
    void theyAreWokenTogetherAfterAPause() {
        failed.add(7, nowNs);
        passes(FIRST_PAUSE_NS / 2);
        failed.add(8, nowNs);
        assertThat(woken).isEmpty();
        assertThat(failed.waitMs(nowNs)).isEqualTo(3); // 2.5, and poll(2) must not return before they are due

        passes(FIRST_PAUSE_NS / 2);

        assertThat(woken).containsExactly(7L, 8L);
        assertThat(failed.waitMs(nowNs)).isEqualTo(-1);
    }

    @Test
    void thePauseGrowsWhileTheyFailAndIsShortAgainWhenTheyHaveNotForAWhile() {
        long pauseNs = FIRST_PAUSE_NS;
        for (int i = 0; i < 20; i++) {
            failed.add(7, nowNs);
            assertThat(failed.leftNs(nowNs)).isEqualTo(pauseNs);
            passes(pauseNs);
            assertThat(woken).hasSize(i + 1);
            pauseNs = Math.min(pauseNs * 2, LAST_PAUSE_NS);
        }
        assertThat(pauseNs).isEqualTo(LAST_PAUSE_NS);

        passes(LAST_PAUSE_NS);
        failed.add(7, nowNs);

        assertThat(failed.leftNs(nowNs)).isEqualTo(FIRST_PAUSE_NS);
    }

    @Test
    void thereIsRoomForSoManyAndForAsManyOnceTheyAreWoken() {
        for (int i = 0; i < MOST; i++) {
            assertThat(failed.isFull()).isFalse();
            failed.add(i, nowNs);
        }
        assertThat(failed.isFull()).isTrue();

        passes(FIRST_PAUSE_NS);

        assertThat(woken).hasSize(MOST);
        assertThat(failed.isFull()).isFalse();
    }

    /** The daemon's health is not a hostile guest's to decide. */
    @Test
    void onlyWhatThisHostLacksIsATroubleOfTheDaemons() {
        assertThat(FailedFaults.isShortage(new LinuxException("UFFDIO_ZEROPAGE", Errno.ENOMEM)))
                .isTrue();
        assertThat(FailedFaults.isShortage(new LinuxException("UFFDIO_ZEROPAGE", Errno.ENOSPC)))
                .isTrue();
        assertThat(FailedFaults.isShortage(new LinuxException("UFFDIO_CONTINUE", Errno.EINVAL)))
                .isFalse();
        assertThat(FailedFaults.isShortage(new IndexOutOfBoundsException("outside of its RAM")))
                .isFalse();
    }
}
