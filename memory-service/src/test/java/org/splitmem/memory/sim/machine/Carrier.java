package org.splitmem.memory.sim.machine;

import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** The real thread that a simulated one runs on. Simulated threads are many and short: the real ones are used again. */
final class Carrier extends Thread {
    private static final ConcurrentLinkedDeque<Carrier> IDLE = new ConcurrentLinkedDeque<>();

    private volatile @Nullable SimThread thread;

    private Carrier() {
        super("simulated");
        setDaemon(true);
    }

    /** The simulated thread that runs on this real one; null outside of any simulation. */
    static @Nullable SimThread here() {
        return Thread.currentThread() instanceof Carrier carrier ? carrier.thread : null;
    }

    /** One that does nothing. */
    static Carrier idle() {
        Carrier carrier = IDLE.pollFirst();
        if (carrier == null) {
            carrier = new Carrier();
            carrier.start();
        }
        return carrier;
    }

    void begin(SimThread of) {
        thread = of;
        LockSupport.unpark(this);
    }

    @Override
    public void run() {
        while (true) {
            SimThread now = thread;
            if (now == null) {
                LockSupport.park(this);
                continue;
            }
            now.runAll();
            thread = null;
            IDLE.addFirst(this);
        }
    }
}
