package org.splitmem.memory.fault;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.splitmem.memory.testing.SeededTest;

class ReadAheadTest {
    @Test
    void aRunOfFaultsDoublesItsWindowUpToTheMost() {
        ReadAhead readAhead = new ReadAhead(16);

        assertThat(readAhead.onFault(100)).isZero();
        assertThat(readAhead.onFault(101)).isEqualTo(4);
        assertThat(readAhead.onFault(106)).isEqualTo(8);
        assertThat(readAhead.onFault(115)).isEqualTo(16);
        assertThat(readAhead.onFault(132)).isEqualTo(16);
    }

    @Test
    void aFaultElsewhereReadsNothingAhead() {
        ReadAhead readAhead = new ReadAhead(16);
        readAhead.onFault(100);
        readAhead.onFault(101);

        assertThat(readAhead.onFault(5000)).isZero();
        assertThat(readAhead.onFault(107)).as("not where the run goes on").isZero();
    }

    @Test
    void severalRunsAreFollowedAtOnce() {
        ReadAhead readAhead = new ReadAhead(16);
        for (int run = 0; run < 8; run++) {
            readAhead.onFault(run * 1000L);
        }

        for (int run = 0; run < 8; run++) {
            assertThat(readAhead.onFault(run * 1000L + 1)).isEqualTo(4);
        }
    }

    @Test
    void switchedOffItReadsNothing() {
        ReadAhead readAhead = new ReadAhead(0);

        for (int page = 0; page < 10; page++) {
            assertThat(readAhead.onFault(page)).isZero();
        }
    }

    @SeededTest(runs = 10)
    void faultsAtRandomReadHardlyAnythingAhead(long seed) {
        Random random = new Random(seed);
        ReadAhead readAhead = new ReadAhead(256);
        int ahead = 0;
        for (int i = 0; i < 10_000; i++) {
            ahead += readAhead.onFault(random.nextInt(10_000_000));
        }

        assertThat(ahead).isLessThan(100);
    }
}
