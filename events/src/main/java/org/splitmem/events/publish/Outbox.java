package org.splitmem.events.publish;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where events wait for Kafka. Several publishers may share one; the one that holds its lease sends. Used by the publisher's thread.
 *
 * <p>Each method may throw a {@link RuntimeException} if what keeps the events cannot be reached; nothing has changed then, or it is not
 * known, and the publisher tries again.
 */
public interface Outbox {
    /** Each keeps the order of its own. */
    enum Lane {
        /** Dropped only when nothing else is left to drop. */
        KEPT,
        /** Dropped first. */
        SAMPLES
    }

    /** What became of a try to get the lease. */
    enum Lease {
        /** Another publisher holds it. */
        OTHERS,
        /** This publisher has it now, and had not before: another may have sent since what this one has read. */
        TAKEN,
        /** No other publisher has held it since this one did. */
        RENEWED
    }

    /**
     * An event that waits.
     *
     * @param number ascends in the order in which events of one key were written
     * @param key uuid of the VM
     * @param json the event as CloudEvents have it
     */
    record Waiting(long number, String key, String json) {}

    /** Takes or renews the lease. */
    Lease lease();

    /** Gives the lease up, if this publisher holds it: another need not wait until it runs out. */
    void release();

    /** The oldest events that wait in a lane, oldest first. */
    List<Waiting> waiting(Lane lane, int most);

    /** How many events wait in a lane. */
    long count(Lane lane);

    /** How many samples were dropped and are in no event that was sent, by key; keys without any are left out. */
    Map<String, Long> dropped(Set<String> keys);

    /**
     * The broker has these events.
     *
     * @param told how many dropped samples they reported, by key
     */
    void sent(Collection<Long> numbers, Map<String, Long> told);

    /** These events can never be sent, and wait no longer. */
    void refused(Collection<Long> numbers);

    /** Drops the oldest events of a lane, and remembers how many samples of which key those were. @return how many events */
    long drop(Lane lane, long most);
}
