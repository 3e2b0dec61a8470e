package org.splitmem.memory.linux;

import com.sun.jna.Native;

/** errno.h: the values that callers act on, and words for the rest. */
public final class Errno {
    public static final int EPERM = 1;
    public static final int ENOENT = 2;
    public static final int ESRCH = 3;
    public static final int EINTR = 4;
    public static final int EAGAIN = 11;
    public static final int ENOMEM = 12;
    public static final int EFAULT = 14;
    public static final int EEXIST = 17;
    public static final int ENXIO = 6;
    public static final int ENOTTY = 25;
    public static final int EINVAL = 22;
    public static final int ENOSPC = 28;
    public static final int ECONNREFUSED = 111;
    public static final int EINPROGRESS = 115;

    static {
        Native.register(Errno.class, "c");
    }

    private Errno() {}

    private static native String strerror(int errno);

    private static native String strerrorname_np(int errno);

    /** The kernel's word for an errno, e.g. {@code No space left on device (ENOSPC 28)}. */
    public static String describe(int errno) {
        String name = strerrorname_np(errno);
        return strerror(errno) + " (" + (name == null ? "errno" : name) + " " + errno + ")";
    }

    /** The errno of this thread's last native call; to be read before any other. */
    static int last() {
        return Native.getLastError();
    }
}
