package org.splitmem.memory.wire;

import java.io.IOException;

/** A peer refused what was asked of it, or broke the protocol. The text names the peer; the code says what can be done. */
public final class PeerException extends IOException {
    private static final long serialVersionUID = 1L;

    private final ErrorCode code;

    public PeerException(ErrorCode code, String message) {
        super(message);
        this.code = code;
    }

    public ErrorCode code() {
        return code;
    }
}
