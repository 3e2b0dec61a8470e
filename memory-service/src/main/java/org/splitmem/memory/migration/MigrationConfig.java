package org.splitmem.memory.migration;

/**
 * How migrations run, where a request does not say.
 *
 * @param streams connections to each destination, 1 to 64
 * @param bandwidthBytesPerSecond of all streams together, 0: no limit
 * @param sampleWindows windows of sampling before the plan, 1 to 7
 * @param sampleWindowMs of each
 * @param stopPages remainder with which the hypervisor may be asked to migrate
 * @param maxRounds pre-copy rounds before it is asked in any case
 * @param readySeconds the most that a migration waits for the hypervisor to begin
 * @param switchoverSeconds the most that the hypervisor may take to stop the guest, and then to resume it at the destination
 * @param handoverStallSeconds without a page after which a handover is reported to stand still
 */
public record MigrationConfig(
        int streams,
        long bandwidthBytesPerSecond,
        int sampleWindows,
        int sampleWindowMs,
        long stopPages,
        int maxRounds,
        int readySeconds,
        int switchoverSeconds,
        int handoverStallSeconds) {
    static final int READY_SECONDS = 3600;
    static final int SWITCHOVER_SECONDS = 120;
    static final int HANDOVER_STALL_SECONDS = 60;

    public MigrationConfig {
        range("migration.streams", streams, 1, 64);
        range("migration.sample-windows", sampleWindows, 1, 7);
        range("migration.sample-window-ms", sampleWindowMs, 1, 60_000);
        range("migration.stop-pages", stopPages, 0, Long.MAX_VALUE);
        range("migration.max-rounds", maxRounds, 1, 1000);
        range("migration.bandwidth", bandwidthBytesPerSecond, 0, Long.MAX_VALUE);
        range("migration.ready-seconds", readySeconds, 1, 1_000_000);
        range("migration.switchover-seconds", switchoverSeconds, 1, 1_000_000);
        range("migration.handover-stall-seconds", handoverStallSeconds, 1, 1_000_000);
    }

    /** With the usual limits. */
    public MigrationConfig(
            int streams,
            long bandwidthBytesPerSecond,
            int sampleWindows,
            int sampleWindowMs,
            long stopPages,
            int maxRounds) {
        this(
                streams,
                bandwidthBytesPerSecond,
                sampleWindows,
                sampleWindowMs,
                stopPages,
                maxRounds,
                READY_SECONDS,
                SWITCHOVER_SECONDS,
                HANDOVER_STALL_SECONDS);
    }

    private static void range(String key, long value, long least, long most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(key + " must be " + least + " to " + most + ": " + value);
        }
    }
}
