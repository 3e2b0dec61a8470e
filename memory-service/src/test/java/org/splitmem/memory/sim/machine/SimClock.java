package org.splitmem.memory.sim.machine;

import java.time.Instant;

/** Clocks, for simulated code; and points at which its threads may be interrupted by others. */
public final class SimClock {
    private static final long PID = 4_000;
    private static final int PROCESSORS = 3;

    private SimClock() {}

    public static long nanoTime() {
        SimThread here = Carrier.here();
        return here == null ? 0 : here.scheduler().nanoTime();
    }

    public static long currentTimeMillis() {
        SimThread here = Carrier.here();
        return here == null ? 0 : here.scheduler().wallMs();
    }

    public static Instant now() {
        return Instant.ofEpochMilli(currentTimeMillis());
    }

    public static long pid(ProcessHandle self) {
        return PID;
    }

    public static int processors(Runtime machine) {
        return PROCESSORS;
    }

    public static void point() {
        SimThread here = Carrier.here();
        if (here != null) {
            here.scheduler().point();
        }
    }
}
