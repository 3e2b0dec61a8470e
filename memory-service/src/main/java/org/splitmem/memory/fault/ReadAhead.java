package org.splitmem.memory.fault;

import java.util.Arrays;

/**
 * Finds sequential runs of remote faults, several at a time (one a vCPU, say), and tells how far to read ahead.
 *
 * <p>A fault that comes just where a known run was expected to go on doubles the run's window, up to a maximum. Confined
 * to the pager thread.
 */
final class ReadAhead {
    private static final int STREAMS = 8;
    private static final int FIRST_WINDOW = 4;

    private final int maxWindow;
    private final long[] expected = new long[STREAMS];
    private final int[] window = new int[STREAMS];
    private int oldest;

    /** @param maxWindow most pages to read ahead; 0 switches it off */
    ReadAhead(int maxWindow) {
        this.maxWindow = maxWindow;
        Arrays.fill(expected, -1);
    }

    /** @return how many pages after {@code page} to ask for as well */
    int onFault(long page) {
        if (maxWindow == 0) {
            return 0;
        }
        for (int i = 0; i < STREAMS; i++) {
            if (expected[i] == page) {
                window[i] = Math.min(maxWindow, window[i] == 0 ? FIRST_WINDOW : window[i] * 2);
                expected[i] = page + window[i] + 1;
                return window[i];
            }
        }
        expected[oldest] = page + 1;
        window[oldest] = 0;
        oldest = (oldest + 1) % STREAMS;
        return 0;
    }
}
