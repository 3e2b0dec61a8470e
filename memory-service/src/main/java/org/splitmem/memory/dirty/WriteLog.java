package org.splitmem.memory.dirty;

import org.splitmem.memory.linux.LinuxException;

/** Knows which pages QEMU wrote. For one thread; several of them over one VM may be used at once. */
public interface WriteLog {
    /** Takes runs of written pages, in ascending order. */
    interface RunConsumer {
        void accept(long page, long count) throws LinuxException;
    }

    /**
     * Reports the pages of a range that were written since the last scan of it that armed them.
     *
     * @param rearm false if nobody writes any more: that is cheaper
     * @throws LinuxException if QEMU is gone: then nobody knows, and every page counts as written
     */
    void scan(long page, long count, boolean rearm, RunConsumer written) throws LinuxException;
}
