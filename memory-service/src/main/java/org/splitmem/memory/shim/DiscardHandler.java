package org.splitmem.memory.shim;

import java.io.IOException;

/**
 * Takes the memory that one QEMU gives back, a part at a time: {@link #claim} makes faults in it wait, QEMU's own thread frees
 * what is here, and {@link #settle} ends the waiting. Only QEMU's thread frees: so a claim that comes late, when the guest may
 * have written again, frees nothing. Called on one thread.
 */
public interface DiscardHandler {
    /** Runs an exchange from its claim to its settling. */
    void hold(Exchange exchange) throws IOException;

    /** What is run by {@link #hold}. */
    interface Exchange {
        void run() throws IOException;
    }

    /**
     * Claims what may be freed of a range; the rest keeps its content.
     *
     * @param free takes what QEMU is to free, in bytes from the start of the backend
     * @return pages claimed; 0: there is nothing to settle
     * @throws IOException if the range is none of the VM's
     */
    int claim(int backend, long offset, long bytes, ShimSession.RangeConsumer free) throws IOException;

    /**
     * QEMU frees nothing of what was claimed any more.
     *
     * @param confirmed whether it says that all of it is freed; else the file tells what is
     */
    void settle(boolean confirmed) throws IOException;
}
