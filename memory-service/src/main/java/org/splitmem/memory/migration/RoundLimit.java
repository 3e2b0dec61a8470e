package org.splitmem.memory.migration;

/** Decides when pre-copy has done what it can. Confined to the migration's thread. */
final class RoundLimit {
    /** A round that leaves more than this part of what the one before left no longer helps. */
    private static final double SHRINKS = 0.7;

    private final MigrationConfig config;
    private final Signals signals;
    private long before = Long.MAX_VALUE;

    RoundLimit(MigrationConfig config, Signals signals) {
        this.config = config;
        this.signals = signals;
    }

    /**
     * To be asked once after each round.
     *
     * @param round that has ended, from 0
     * @param dirtyPages that it left
     * @return true if another is not worth it, or not wanted
     */
    boolean isReached(int round, long dirtyPages) {
        boolean small = dirtyPages <= config.stopPages();
        boolean stuck = round > 0 && dirtyPages > before * SHRINKS;
        before = dirtyPages;
        return small || stuck || round + 1 >= config.maxRounds() || signals.mustComplete();
    }
}
