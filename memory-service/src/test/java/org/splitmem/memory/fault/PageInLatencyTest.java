package org.splitmem.memory.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.splitmem.model.LatencyHistogram;
import org.splitmem.model.LatencyHistogram.Bucket;
import org.splitmem.model.LatencyUs;

class PageInLatencyTest {
    private static final long MINUTE_NS = 60_000_000_000L;

    private final PageInLatency latency = new PageInLatency(0);

    @Test
    void whatWasLongAgoIsForgottenButStaysCounted() {
        latency.record(1000);
        assertThat(latency.recent(MINUTE_NS).count()).isEqualTo(1);
        latency.record(2000);
        assertThat(latency.recent(2 * MINUTE_NS).count()).isEqualTo(1);
        latency.record(3000);

        assertThat(latency.recent(10 * MINUTE_NS)).isEqualTo(LatencyUs.NONE);

        assertThat(latency.all().count()).isEqualTo(3);
        assertThat(latency.all().sumUs()).isEqualTo(6);
    }

    @Test
    void whatIsRecentIsKnownAlsoIfNobodyAskedForLong() {
        for (int minute = 0; minute < 10; minute++) {
            latency.turn(minute * MINUTE_NS);
            latency.record(1000);
        }

        assertThat(latency.recent(10 * MINUTE_NS - 1).count()).isEqualTo(2);
    }

    @Test
    void whatIsRecentIsOfBothWindows() {
        for (int us = 1; us <= 50; us++) {
            latency.record(us * 1000L);
        }
        assertThat(latency.recent(MINUTE_NS).count()).isEqualTo(50);
        for (int us = 51; us <= 100; us++) {
            latency.record(us * 1000L);
        }

        LatencyUs recent = latency.recent(MINUTE_NS);

        assertThat(recent.count()).isEqualTo(100);
        assertThat(recent.p50()).isCloseTo(50, within(1.0));
        assertThat(recent.p90()).isCloseTo(90, within(1.0));
        assertThat(recent.p99()).isCloseTo(99, within(1.0));
        assertThat(recent.max()).isCloseTo(100, within(1.0));
    }

    @Test
    void whatTakesLongIsKnownToOnePercent() {
        for (int ms = 1; ms <= 100; ms++) {
            latency.record(ms * 1_000_000L);
        }

        LatencyUs recent = latency.recent(0);

        assertThat(recent.p50()).isCloseTo(50_000, withinPercentage(1));
        assertThat(recent.p99()).isCloseTo(99_000, withinPercentage(1));
        assertThat(recent.max()).isCloseTo(100_000, withinPercentage(1));
    }

    @Test
    void aStallIsLongerThanATenthOfASecond() {
        latency.record(99_000_000);
        latency.record(100_000_000);
        latency.record(101_000_000);

        assertThat(latency.stalls()).isEqualTo(1);
    }

    @Test
    void eachBucketCountsWhatIsNotLongerThanItsBound() {
        for (long us : new long[] {20, 21, 70, 100, 250, 1500, 150_000, 20_000_000}) {
            latency.record(us * 1000);
        }

        LatencyHistogram histogram = latency.all();

        assertThat(histogram.count()).isEqualTo(8);
        assertThat(histogram.buckets())
                .contains(
                        new Bucket(20, 1),
                        new Bucket(50, 2),
                        new Bucket(100, 4),
                        new Bucket(200, 4),
                        new Bucket(500, 5),
                        new Bucket(1000, 5),
                        new Bucket(2000, 6),
                        new Bucket(100_000, 6),
                        new Bucket(1_000_000, 7),
                        new Bucket(10_000_000, 7));
        assertThat(histogram.longerThan(100_000)).isEqualTo(2);
    }

    @Test
    void nothingIsMissedByReadersWhileOthersRecord() throws Exception {
        int threads = 4;
        int each = 50_000;
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        List<Future<?>> writers = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            writers.add(pool.submit(() -> {
                for (int n = 0; n < each; n++) {
                    latency.record(1000L * (1 + n % 300));
                }
            }));
        }

        long seen = 0;
        while (!writers.stream().allMatch(Future::isDone)) {
            long now = latency.all().count();
            assertThat(now).isGreaterThanOrEqualTo(seen);
            assertThat(latency.recent(0).count()).isGreaterThanOrEqualTo(now);
            seen = now;
        }
        for (Future<?> writer : writers) {
            writer.get();
        }
        pool.shutdown();

        assertThat(latency.all().count()).isEqualTo((long) threads * each);
        assertThat(latency.recent(0).count()).isEqualTo((long) threads * each);
    }

    @Test
    void aReadingAllocatesNoHistogram() {
        latency.record(70_000);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        readAll(10);

        long before = threads.getCurrentThreadAllocatedBytes();
        readAll(100);
        long bytes = (threads.getCurrentThreadAllocatedBytes() - before) / 100;

        assertThat(bytes).as("bytes for each reading").isLessThan(16_384);
    }

    private void readAll(int times) {
        for (int i = 0; i < times; i++) {
            assertThat(latency.recent(0).count() + latency.all().count()).isEqualTo(2);
        }
    }
}
