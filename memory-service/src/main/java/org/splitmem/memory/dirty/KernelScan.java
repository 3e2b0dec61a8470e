package org.splitmem.memory.dirty;

import org.splitmem.memory.linux.LinuxException;
import org.splitmem.memory.linux.NativeBlock;

/** Asks the kernel which pages of a process were written. For one thread. */
interface KernelScan {
    /**
     * One call, of [start, end) in the process's address space.
     *
     * @param regions room for the runs
     * @return number of runs stored
     */
    int written(NativeBlock regions, long start, long end, boolean rearm) throws LinuxException;

    /** Where the last call stopped. */
    long walkEnd();

    /** @throws LinuxException if the process had ended: what was reported before this is worth nothing then */
    void requireAlive(long address) throws LinuxException;
}
