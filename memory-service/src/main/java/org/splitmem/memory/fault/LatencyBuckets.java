package org.splitmem.memory.fault;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;
import org.splitmem.model.LatencyHistogram;

/** How many latencies did not exceed each of some bounds. Any thread; neither counting nor reading waits, counting allocates nothing. */
final class LatencyBuckets {
    /** Bounds may be added, never taken away: whoever reads the events knows them by their values. */
    private static final long[] BOUNDS_US = {
        20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000, 10_000_000
    };

    /** Each counts what is above the bound before its own; the last, what is above all bounds. */
    private final AtomicLongArray counts = new AtomicLongArray(BOUNDS_US.length + 1);

    private final LongAdder sumNs = new LongAdder();

    void add(long ns) {
        int bucket = 0;
        while (bucket < BOUNDS_US.length && ns > TimeUnit.MICROSECONDS.toNanos(BOUNDS_US[bucket])) {
            bucket++;
        }
        counts.getAndIncrement(bucket);
        sumNs.add(ns);
    }

    /** What was added until now. The sum may lack, or be ahead by, what is being added meanwhile. */
    LatencyHistogram read() {
        List<LatencyHistogram.Bucket> buckets = new ArrayList<>(BOUNDS_US.length);
        long upTo = 0;
        for (int i = 0; i < BOUNDS_US.length; i++) {
            upTo += counts.get(i);
            buckets.add(new LatencyHistogram.Bucket(BOUNDS_US[i], upTo));
        }
        return new LatencyHistogram(upTo + counts.get(BOUNDS_US.length), sumNs.sum() / 1e3, buckets);
    }
}
