package org.splitmem.memory.guest;

import java.io.IOException;

/** A QEMU has cut its RAM file short: what was behind the end is gone. The VM's own loss, and no peer's fault. */
public final class CutShortException extends IOException {
    private static final long serialVersionUID = 1;

    CutShortException(int backend, long found, long expected) {
        super("the RAM file of backend " + backend + " has been cut short by its QEMU: " + found + " B instead of "
                + expected);
    }
}
