package org.splitmem.memory.sim.machine;

import java.util.Set;

/**
 * One run.
 *
 * @param seed of everything
 * @param operations that are asked for
 * @param calm whether no thread is interrupted where it need not wait, and no timer comes early
 * @param without faults of the seed, by their numbers, that do not happen
 */
public record Plan(long seed, int operations, boolean calm, Set<Integer> without) {
    /** How many operations there are as a rule. */
    public static final int OPERATIONS = 3;

    /** All that the seed makes. */
    public static Plan of(long seed) {
        return new Plan(seed, OPERATIONS, false, Set.of());
    }

    @Override
    public String toString() {
        return "seed " + seed + ", " + operations + " operations" + (calm ? ", calm" : "")
                + (without.isEmpty() ? "" : ", without the faults " + without);
    }
}
