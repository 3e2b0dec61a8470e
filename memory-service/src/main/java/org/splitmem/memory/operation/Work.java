package org.splitmem.memory.operation;

import org.jspecify.annotations.Nullable;
import org.splitmem.model.RefusedException;

/** What does an operation: how far it is, and how it is ended before its time. Any thread. */
public interface Work {
    /**
     * How far it is.
     *
     * @param phase in the words of its kind
     * @param bytesRemaining null if only another host knows
     * @param bytesPerSecond 0 also while nothing is known yet
     * @param etaSeconds null while nothing goes
     * @param trouble why it stands still, or not all of it goes; null if all is well
     */
    record Progress(
            String phase,
            @Nullable Long bytesRemaining,
            long bytesPerSecond,
            @Nullable Long etaSeconds,
            @Nullable String trouble) {
        /** Of one of which nothing more is known. */
        public static Progress of(String phase) {
            return new Progress(phase, null, 0, null, null);
        }
    }

    Progress progress();

    /** The command of its kind that ends it before its time; null if nothing does from this host, or it is too late. */
    @Nullable
    String end();

    /**
     * Ends it before its time: it enters its last state now, or a moment later.
     *
     * @throws RefusedException if it cannot be ended, by a message that says what else can be done
     */
    void cancel(String reason) throws RefusedException;
}
