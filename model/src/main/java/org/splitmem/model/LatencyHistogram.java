package org.splitmem.model;

import java.util.List;

/**
 * How many times were how long, counted since something began: two readings can be subtracted.
 *
 * @param count of all
 * @param sumUs of all, in microseconds; within 0.1 percent
 * @param buckets each counts what was not longer than its bound, those of shorter bounds included; bounds ascend
 */
public record LatencyHistogram(long count, double sumUs, List<Bucket> buckets) {
    public static final LatencyHistogram NONE = new LatencyHistogram(0, 0, List.of());

    /**
     * The times up to one bound.
     *
     * @param leUs the bound, in microseconds
     */
    public record Bucket(long leUs, long count) {
        public Bucket {
            Require.positive("leUs", leUs);
            Require.notNegative("count", count);
        }
    }

    public LatencyHistogram {
        Require.notNegative("count", count);
        Require.notNegative("sumUs", sumUs);
        buckets = List.copyOf(Require.present("buckets", buckets));
        Bucket before = null;
        for (Bucket bucket : buckets) {
            boolean ascends = before == null || (before.leUs < bucket.leUs && before.count <= bucket.count);
            if (!ascends || bucket.count > count) {
                throw new IllegalArgumentException("buckets do not ascend at " + bucket.leUs + " us");
            }
            before = bucket;
        }
    }

    /** How many were longer than a bound; all, if no bucket has that bound. */
    public long longerThan(long us) {
        return buckets.stream()
                .filter(bucket -> bucket.leUs == us)
                .findFirst()
                .map(bucket -> count - bucket.count)
                .orElse(count);
    }
}
