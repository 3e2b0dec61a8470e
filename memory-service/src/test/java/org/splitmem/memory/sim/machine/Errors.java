package org.splitmem.memory.sim.machine;

/** errno.h. */
final class Errors {
    static final int ENOENT = 2, ESRCH = 3, EBADF = 9, EAGAIN = 11, ENOMEM = 12, EFAULT = 14, EEXIST = 17, EINVAL = 22;
    static final int ENOSPC = 28, EPIPE = 32, ENXIO = 6, EIO = 5, EADDRINUSE = 98;
    static final int ECONNRESET = 104, ETIMEDOUT = 110, ECONNREFUSED = 111, EINPROGRESS = 115;

    private Errors() {}
}
