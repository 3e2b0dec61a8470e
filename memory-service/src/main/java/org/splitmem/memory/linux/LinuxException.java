package org.splitmem.memory.linux;

import java.io.IOException;

/** A system call failed in a way that its caller did not expect. */
public final class LinuxException extends IOException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /**
     * @param call the call with the arguments that matter, e.g. {@code fallocate(PUNCH_HOLE, 4096 B)}
     * @param errno the kernel's answer, as read right after the call
     */
    public LinuxException(String call, int errno) {
        super(call + ": " + Errno.describe(errno));
        this.errno = errno;
    }

    public int errno() {
        return errno;
    }
}
