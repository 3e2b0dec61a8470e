package org.splitmem.memory.sim.machine;

import java.util.UUID;

/** Chance for simulated code: the seed's. */
public final class SimRandom {
    public SimRandom() {}

    public static UUID randomUUID() {
        var random = Scheduler.here().random();
        return new UUID((random.nextLong() & ~0xF000L) | 0x4000L, (random.nextLong() & (-1L >>> 2)) | (1L << 63));
    }

    public void nextBytes(byte[] bytes) {
        Scheduler.here().random().nextBytes(bytes);
    }
}
