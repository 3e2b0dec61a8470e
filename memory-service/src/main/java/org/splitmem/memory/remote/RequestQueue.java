package org.splitmem.memory.remote;

/**
 * Page-ins that are not answered yet, in the order in which they were asked for; each has a number, one more than that before it. There is
 * room for any number of them, and only one that comes when there is no room left allocates. A daemon has a queue for each sub-host of each
 * VM: room that only a peer which did not answer has made necessary is given back. Not for several threads at once.
 */
final class RequestQueue {
    private static final int FIRST_ROOM = 64;
    /** As many as are on their way to a peer that answers. More room than that is not kept. */
    private static final int KEPT_ROOM = 1024;
    /** Values for each: page, when it was asked for, how many times it was. */
    private static final int PAGE = 0, ASKED_NS = 1, TRIES = 2, VALUES = 3;

    private long[] values = new long[FIRST_ROOM * VALUES];
    private long head;
    private long tail;

    /** Number of the oldest. */
    long head() {
        return head;
    }

    /** Number of the next one. */
    long tail() {
        return tail;
    }

    long size() {
        return tail - head;
    }

    /** Appends one. @throws OutOfMemoryError if there is no memory for it; nothing has changed then */
    void add(long page, long nowNs, int tries) {
        if (size() * VALUES == values.length) {
            grow();
        }
        int slot = slot(values, tail);
        values[slot + PAGE] = page;
        values[slot + ASKED_NS] = nowNs;
        values[slot + TRIES] = tries;
        tail++;
    }

    private void grow() {
        long[] more = new long[values.length * 2];
        for (long number = head; number < tail; number++) {
            System.arraycopy(values, slot(values, number), more, slot(more, number), VALUES);
        }
        values = more;
    }

    private static int slot(long[] in, long number) {
        return (int) (number % (in.length / VALUES)) * VALUES;
    }

    void removeOldest() {
        head++;
        if (head == tail && room() > KEPT_ROOM) {
            values = new long[FIRST_ROOM * VALUES];
        }
    }

    /** How many it can hold without allocating. */
    int room() {
        return values.length / VALUES;
    }

    long page(long number) {
        return values[slot(values, number) + PAGE];
    }

    long askedNs(long number) {
        return values[slot(values, number) + ASKED_NS];
    }

    int tries(long number) {
        return (int) values[slot(values, number) + TRIES];
    }
}
