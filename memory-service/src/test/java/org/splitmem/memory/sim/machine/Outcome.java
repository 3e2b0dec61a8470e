package org.splitmem.memory.sim.machine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What came of a run.
 *
 * @param hash of all its events
 * @param story the events worth a line
 * @param failure null if all was well
 * @param faults of the seed, also those that did not happen
 */
public record Outcome(
        long hash, List<String> story, @Nullable Throwable failure, long steps, long ns, List<String> faults) {}
