package org.splitmem.memory.migration;

import java.io.IOException;

/** A peer's control API answered, and refused. */
public final class PeerRefusalException extends IOException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String code;

    /** @param code as that peer's API said it, e.g. {@code vm-busy} */
    public PeerRefusalException(int status, String code, String message) {
        super(message);
        this.status = status;
        this.code = code;
    }

    public int status() {
        return status;
    }

    public String code() {
        return code;
    }
}
