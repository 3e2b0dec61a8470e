package org.splitmem.model;

/**
 * A distribution of times in microseconds.
 *
 * @param count number of measurements; with none, the rest is 0
 */
public record LatencyUs(long count, double p50, double p90, double p99, double max) {
    public static final LatencyUs NONE = new LatencyUs(0, 0, 0, 0, 0);

    public LatencyUs {
        Require.notNegative("count", count);
        Require.notNegative("p50", p50);
        Require.notNegative("p90", p90);
        Require.notNegative("p99", p99);
        Require.notNegative("max", max);
    }
}
