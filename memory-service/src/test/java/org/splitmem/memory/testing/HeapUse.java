package org.splitmem.memory.testing;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** Bounds what a parser allocates on the heap, whether it is freed or not. */
public final class HeapUse {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** What is measured. */
    public interface Action {
        void run() throws Exception;
    }

    private HeapUse() {}

    /**
     * Runs the action; and again, if it took too much, since the first to use a class pays for its loading.
     *
     * @throws AssertionError if it allocated more on this thread
     */
    public static void isAtMost(long bytes, Action action) throws Exception {
        if (allocatedBy(action) > bytes) {
            long again = allocatedBy(action);
            if (again > bytes) {
                throw new AssertionError(again + " B were allocated, at most " + bytes + " are allowed");
            }
        }
    }

    private static long allocatedBy(Action action) throws Exception {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        action.run();
        return THREADS.getCurrentThreadAllocatedBytes() - before;
    }
}
