package org.splitmem.memory.faultpoint;

/** Told of each {@link FaultPoint} that a daemon comes to. Any thread, also with locks held; never throws but in tests. */
public interface FaultPoints {
    /** What a daemon uses: it costs a call that the compiler removes. */
    FaultPoints NONE = point -> {};

    void reached(FaultPoint point);
}
