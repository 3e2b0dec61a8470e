package org.splitmem.memory.migration;

import java.io.IOException;
import org.splitmem.model.Refusal;
import org.splitmem.model.RefusalCode;
import org.splitmem.model.RefusedException;

/** A peer's control API answered, and refused. */
public final class PeerRefusalException extends IOException {
    private static final long serialVersionUID = 1L;

    private final transient Refusal refusal;

    /** @param refusal as that peer answered it; the message may name the peer */
    public PeerRefusalException(Refusal refusal) {
        super(refusal.message());
        this.refusal = refusal;
    }

    public Refusal refusal() {
        return refusal;
    }

    /**
     * What a caller of this host is answered, if another host failed for it: that there is no room is said as such.
     *
     * @param what cannot be done
     */
    static RefusedException asOurs(IOException e, String what) {
        return e instanceof PeerRefusalException peer && peer.refusal.is(RefusalCode.NO_ROOM)
                ? new RefusedException(RefusalCode.NO_ROOM, peer.refusal.message())
                : new RefusedException(RefusalCode.FAILED, what + ": " + e.getMessage());
    }
}
