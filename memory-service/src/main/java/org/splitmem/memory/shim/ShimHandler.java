package org.splitmem.memory.shim;

import java.io.IOException;
import org.splitmem.memory.linux.Fd;

/** What the daemon does for the shims. Called on the connections' threads. An IOException's text is told to QEMU. */
public interface ShimHandler {
    /** A RAM file for QEMU, and its length, 0 if QEMU decides. The descriptor becomes the server's. */
    record Backend(Fd file, long bytes) {}

    /**
     * How QEMU's RAM is watched.
     *
     * @param modes of the userfaultfd, to be registered now
     */
    record Watch(int modes, DiscardRule discards) {}

    Backend open(Qemu qemu, int index) throws IOException;

    /**
     * QEMU has mapped a backend; that the descriptor is a userfaultfd is known, and that the range could be one of a process.
     *
     * @param uffd becomes the handler's
     * @return how it is to be watched from now on
     */
    Watch mapped(Qemu qemu, int index, long hva, long bytes, Fd uffd) throws IOException;

    /** The shim of a QEMU is ready for requests; all its backends were announced by {@link #mapped} before. */
    void ready(ShimSession session) throws IOException;

    /**
     * A QEMU is about to ask what it may free.
     *
     * @param connection to be ended with the VM
     */
    DiscardHandler discards(Qemu qemu, DiscardConnection connection) throws IOException;
}
