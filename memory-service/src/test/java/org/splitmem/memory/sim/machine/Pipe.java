package org.splitmem.memory.sim.machine;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** One direction of a connection: bytes that are under way, bytes that have arrived, and who waits for either. */
final class Pipe {
    /** As much as a sender may have under way or unread. */
    static final int CAPACITY = 256 << 10;

    /** What was sent at once, and what came with its first byte. */
    static final class Segment {
        final byte[] bytes;
        int taken;

        @Nullable
        OpenFile passed;

        final boolean isEnd;

        Segment(byte[] bytes, @Nullable OpenFile passed, boolean isEnd) {
            this.bytes = bytes;
            this.passed = passed;
            this.isEnd = isEnd;
        }

        int left() {
            return bytes.length - taken;
        }
    }

    private final ArrayDeque<Segment> underWay = new ArrayDeque<>();
    private final ArrayDeque<Segment> arrived = new ArrayDeque<>();
    final WaitQueue readers = new WaitQueue();
    final WaitQueue writers = new WaitQueue();
    private int filled;
    private long lastArrivalNs;
    boolean ended; // its end has arrived
    boolean closedByWriter;
    boolean closedByReader;
    int failed; // errno

    int room() {
        return CAPACITY - filled;
    }

    void send(Segment segment) {
        filled += segment.bytes.length;
        underWay.add(segment);
    }

    /** @return when it arrives: never before what was sent before */
    long arrivalOf(long ns) {
        lastArrivalNs = Math.max(ns, lastArrivalNs);
        return lastArrivalNs;
    }

    @Nullable
    Segment underWay() {
        return underWay.peek();
    }

    void arrive() {
        Segment next = underWay.poll();
        if (next == null) {
            return;
        }
        if (next.isEnd) {
            ended = true;
        } else {
            arrived.add(next);
        }
        readers.wakeAll();
    }

    int available() {
        int bytes = 0;
        for (Segment segment : arrived) {
            bytes += segment.left();
        }
        return bytes;
    }

    boolean isEmpty() {
        return arrived.isEmpty();
    }

    @Nullable
    OpenFile passedNext() {
        Segment next = arrived.peek();
        return next == null ? null : next.passed;
    }

    void passed() {
        arrived.getFirst().passed = null;
    }

    /** Takes bytes up to the next one with which something was passed. */
    int take(ByteBuffer to, int most) {
        int taken = 0;
        while (taken < most && !arrived.isEmpty()) {
            Segment segment = arrived.getFirst();
            if (segment.passed != null) {
                break;
            }
            int n = Math.min(segment.left(), most - taken);
            to.put(segment.bytes, segment.taken, n);
            segment.taken += n;
            taken += n;
            if (segment.left() == 0) {
                arrived.poll();
            }
        }
        filled -= taken;
        if (taken > 0) {
            writers.wakeAll();
        }
        return taken;
    }

    void fail(int errno) {
        failed = errno;
        discard();
        readers.wakeAll();
        writers.wakeAll();
    }

    void discard() {
        for (Segment segment : arrived) {
            drop(segment);
        }
        for (Segment segment : underWay) {
            drop(segment);
        }
        arrived.clear();
        underWay.clear();
        filled = 0;
    }

    private static void drop(Segment segment) {
        OpenFile passed = segment.passed;
        if (passed != null) {
            segment.passed = null;
            passed.release();
        }
    }
}
