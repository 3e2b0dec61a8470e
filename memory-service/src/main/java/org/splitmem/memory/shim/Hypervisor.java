package org.splitmem.memory.shim;

import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.splitmem.memory.linux.FdPassing;

/** Who starts QEMUs, and so knows which process runs which VM. Any thread. */
public interface Hypervisor {
    /**
     * @return null if the process is none that it has started
     * @throws IOException if that cannot be found out, or the process is not as it was started; the text names what differs
     */
    @Nullable
    Qemu qemuOf(FdPassing.Peer process) throws IOException;
}
