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

    static Carrier begin(SimThread thread) {
        Carrier carrier = IDLE.pollFirst();
        if (carrier == null) {
            carrier = new Carrier();
            carrier.thread = thread;
            carrier.start();
        } else {
            carrier.thread = thread;
            LockSupport.unpark(carrier);
        }
        return carrier;
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
